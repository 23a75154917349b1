-- +goose Up
-- Who had opted out with an address and was gone at a later plan: a rep of the same id
-- is another one, and opts nobody in.
alter table rollcall_state.rep_seen add gone boolean not null default false;

-- +goose Down
alter table rollcall_state.rep_seen drop gone;
