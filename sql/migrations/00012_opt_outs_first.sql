-- +goose Up
-- Whoever opted out is planned before all others, however many are queued.
alter table rollcall_state.dirty add first boolean not null default false;
create index dirty_order on rollcall_state.dirty (source, association, first desc, touched_at, address);

-- +goose Down
drop index rollcall_state.dirty_order;
alter table rollcall_state.dirty drop first;
