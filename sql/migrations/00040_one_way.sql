-- +goose Up
-- Whoever looks for a rep or a contact has one way only, the primary key, whatever the
-- statistics: an index that knows the association alone would be read as a whole for
-- each. See TestPiecesAreLookedUpWhateverTheStatistics.
drop index rollcall_state.rep_now_address, rollcall_state.contact_read;
create index rep_now_address on rollcall_state.rep_now (address, association, source);
create index contact_read on rollcall_state.contact (source, association, read_at) where read_at is not null;

-- +goose Down
drop index rollcall_state.contact_read, rollcall_state.rep_now_address;
create index contact_read on rollcall_state.contact (source, association, read_at);
create index rep_now_address on rollcall_state.rep_now (source, association, address);
