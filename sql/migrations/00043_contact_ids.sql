-- +goose Up
-- Under which other addresses a contact is known, where its address was edited in
-- Constant Contact. It begins with the id, so that whoever looks for an address still
-- has one way only; see 00040_one_way.sql.
create index contact_contact_id on rollcall_state.contact (contact_id, association, source) where contact_id <> '';

-- +goose Down
drop index rollcall_state.contact_contact_id;
