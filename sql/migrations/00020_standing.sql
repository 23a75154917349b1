-- +goose Up
-- How everybody stands on each list, for pages that show numbers and open the
-- people behind them without planning anybody. The running program counts again
-- after changes (DESIGN.md of internal/tally); nothing decides by these rows.
create table rollcall_state.standing (
    source      text not null,
    association text not null,
    list        text not null,            -- list.key
    who         text not null,            -- the address; 'rep:' and its id for a rep without one that can be used
    class       text not null check (class in ('expected', 'held', 'left_behind', 'foreign')),
    reason      text not null default '', -- why held; of an expected one, what is waited for
    on_list     boolean not null,         -- as far as is known
    op          text not null default '' check (op in ('', 'add', 'remove')), -- what is still to be done
    rep         text not null default '',
    primary key (source, association, list, who)
);
create index standing_class on rollcall_state.standing (source, association, list, class, reason, who);
create index standing_on on rollcall_state.standing (source, association, list, who) where on_list;
create index standing_to_add on rollcall_state.standing (source, association, list, who) where class = 'expected' and not on_list;
create index standing_op on rollcall_state.standing (source, association, list, who) where op <> '';
create index standing_who on rollcall_state.standing (source, association, who);
create index standing_reason on rollcall_state.standing (source, association, reason, who) where class = 'held';

-- The same as numbers. List '' counts people over all lists, each once a reason.
create table rollcall_state.standing_count (
    source      text not null,
    association text not null,
    list        text not null,
    what        text not null,            -- in_database, expected, expected_on, held, on_list, foreign, left_behind, pending
    reason      text not null default '', -- of held
    n           integer not null,
    primary key (source, association, list, what, reason)
);

-- The last count of each association.
create table rollcall_state.counted (
    source      text not null,
    association text not null,
    at          timestamptz not null,     -- when it began
    took        interval not null,
    state       text not null,            -- stands for what was counted: another one is a reason to count again
    primary key (source, association)
);

-- When somebody was last put on a list or taken off it.
create table rollcall_state.list_changed (
    source      text not null,
    association text not null,
    list        text not null,
    at          timestamptz not null,
    primary key (source, association, list)
);

-- How the system was, every few minutes, for the charts.
create table rollcall_state.sample (
    source      text not null,
    association text not null,            -- '' is the source
    what        text not null,
    at          timestamptz not null,
    value       double precision not null,
    primary key (source, association, what, at)
);

-- The calls of a run are found without reading all of its intents.
create index intent_run_activity on rollcall_state.intent (run, activity) where run is not null;
drop index rollcall_state.intent_run;
-- The latest calls of an association.
create index activity_recent on rollcall_state.activity (source, association, id);

-- +goose Down
drop index rollcall_state.activity_recent;
create index intent_run on rollcall_state.intent (run) where run is not null;
drop index rollcall_state.intent_run_activity;
drop table rollcall_state.sample, rollcall_state.list_changed, rollcall_state.counted, rollcall_state.standing_count, rollcall_state.standing;
