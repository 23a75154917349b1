-- +goose Up
-- What the pages of a pull under way did not show although the ledger expects
-- it. It is not believed before the pull is complete, and a whole list can be in
-- here, so it is kept out of memory. Emptied when a pull begins and ends.
create table rollcall_state.pulled (
    source      text not null,
    association text not null,
    address     text not null,
    contact_id  text not null,
    state       text not null,
    lists       text[] not null,               -- list ids that the page showed
    read_at     timestamptz not null,
    missed      text[] not null,               -- list keys
    suspect     text[] not null default '{}',  -- those of missed that may mean that the person left
    primary key (source, association, address)
);

create index contact_read on rollcall_state.contact (source, association, read_at);
create index intent_run on rollcall_state.intent (run) where run is not null;
create index dirty_run on rollcall_state.dirty (run) where run is not null;

-- +goose Down
drop index rollcall_state.dirty_run, rollcall_state.intent_run, rollcall_state.contact_read;
drop table rollcall_state.pulled;
