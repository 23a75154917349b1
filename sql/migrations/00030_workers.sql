-- +goose Up
-- The processes that work for a source and share its API keys. A row that does not
-- change for as long as a lease lasts, by the clock of whoever looks, is of a
-- process that died; the others delete it.
create table rollcall_state.worker (
    source text not null,
    holder text not null,            -- as in lease
    beats  bigint not null default 1,
    primary key (source, holder)
);

-- +goose Down
drop table rollcall_state.worker;
