-- +goose Up
-- When the last complete reading of an account began. A contact that it showed just
-- as it was known was read then, which is not written to each contact's row: see
-- deliver_contacts.sql.
create table rollcall_state.account_read (
    source      text not null,
    association text not null,
    at          timestamptz not null,
    primary key (source, association)
);

-- The last complete reading did not show the contact, and nobody asked for it by
-- name since.
alter table rollcall_state.contact add unshown boolean not null default false;

-- Whom the pages of a pull under way showed just as they are known. Emptied when a
-- pull begins and ends, and worth nothing after a crash.
create unlogged table rollcall_state.shown (
    source      text not null,
    association text not null,
    address     text not null
);

-- +goose Down
drop table rollcall_state.shown;
alter table rollcall_state.contact drop unshown;
drop table rollcall_state.account_read;
