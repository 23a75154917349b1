-- +goose Up
-- What people decided: one row for each act of an operator, written in the
-- transaction of what it changes. Without member data, so that it can be kept.
create table rollcall_state.audit (
    id          bigint generated always as identity primary key,
    source      text not null,
    at          timestamptz not null,
    who         text not null,           -- user of the machine or of the console; 'sql' for requests by SQL
    association text not null,           -- '' concerns the source
    what        text not null,
    subjects    text[] not null default '{}', -- ids: question:12, request:7, list:group:4, rep:14, account:…
    detail      text not null default ''
);
create index audit_association on rollcall_state.audit (source, association, id);

-- +goose Down
drop table rollcall_state.audit;
