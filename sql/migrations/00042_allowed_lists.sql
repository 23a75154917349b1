-- +goose Up
-- Reps whom an operator allowed on one list in spite of what a previous address shows;
-- previous_allowed is about all lists. Erased with the address.
create table rollcall_state.previous_allowed_list (
    source      text not null,
    association text not null,
    rep         text not null,
    address     text not null,      -- the present one
    list        text not null,
    allowed_at  timestamptz not null,
    allowed_by  text not null,
    primary key (source, association, rep, address, list)
);

-- +goose Down
drop table rollcall_state.previous_allowed_list;
