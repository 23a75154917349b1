-- +goose Up
-- The oid of the log of changes that the position is about, where triggers
-- capture them; 0: the stream. Another one means that changes may be missing.
alter table rollcall_state.position add column log_id oid not null default 0;

-- +goose Down
alter table rollcall_state.position drop column log_id;
