-- +goose Up
-- What is done otherwise than the database says, without anybody having to
-- decide: names and fields that are too long, lists that cannot have their name.
create table rollcall_state.notice (
    source      text not null,
    association text not null,
    kind        text not null,               -- list_name_cut, list_name_taken or fields_cut
    list        text not null default '',    -- key, of a notice about a list
    rep         text not null default '',    -- of a notice about a person
    what        text[] not null default '{}', -- the fields, or the list's name in Constant Contact
    since       timestamptz not null,
    primary key (source, association, kind, list, rep)
);

-- +goose Down
drop table rollcall_state.notice;
