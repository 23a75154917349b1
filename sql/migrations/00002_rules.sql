-- +goose Up
-- What the rules of docs/semantics.md need beside the main job.

-- The last usable address that a plan saw of each rep. Another one at the next
-- plan is an e-mail change.
create table rollcall_state.rep_now (
    source      text not null,
    association text not null,
    rep         text not null,
    address     text not null,
    primary key (source, association, rep)
);
create index rep_now_address on rollcall_state.rep_now (source, association, address);

-- E-mail changes, and what is still to be carried over to the new address.
create table rollcall_state.address_change (
    id           bigint generated always as identity primary key,
    source       text not null,
    association  text not null,
    rep          text not null,
    from_address text[] not null,   -- the previous address, and those whose own change was not finished
    to_address   text not null,
    seen_at      timestamptz not null,
    lists        text[],            -- list keys still to be added; null: the previous addresses are not read yet
    no_move      boolean not null default false, -- giving the contact the new address was tried and did not work
    ended_at     timestamptz        -- null: not finished
);
create unique index address_change_open on rollcall_state.address_change (source, association, rep) where ended_at is null;
create index address_change_to on rollcall_state.address_change (source, association, to_address) where ended_at is null;
create index address_change_seen on rollcall_state.address_change (source, association, seen_at);

-- Reps whom an operator allowed although a previous address of theirs
-- unsubscribed, was deleted, is on hold, or left a list.
create table rollcall_state.previous_allowed (
    source      text not null,
    association text not null,
    rep         text not null,
    address     text not null,      -- the present one
    allowed_at  timestamptz not null,
    allowed_by  text not null,
    primary key (source, association, rep, address)
);

-- Opt-outs that were lifted: many within an hour look like a restored backup.
create table rollcall_state.opt_in (
    source      text not null,
    association text not null,
    address     text not null,
    lifted_at   timestamptz not null,
    primary key (source, association, address)
);

-- Questions to a person. A pair may be in several over time; its latest counts.
create table rollcall_state.approval (
    id          bigint generated always as identity primary key,
    source      text not null,
    association text not null,
    list        text not null,      -- list.key; '' concerns the whole association
    kind        text not null check (kind in ('removals', 'source', 'went_back', 'opted_in', 'address_changes',
                                              'many_left', 'left_behind', 'foreign', 'may_have_left')),
    state       text not null check (state in ('waiting', 'approved', 'rejected', 'expired', 'withdrawn')),
    detail      text not null default '', -- a sentence without member data
    asked_at    timestamptz not null,
    expires_at  timestamptz,        -- null: never
    decided_at  timestamptz,
    decided_by  text not null default ''
);
create unique index approval_waiting on rollcall_state.approval (source, association, list, kind) where state = 'waiting';

create table rollcall_state.approval_pair (
    approval    bigint not null references rollcall_state.approval on delete cascade,
    source      text not null,
    association text not null,
    list        text not null,
    address     text not null,
    op          text not null check (op in ('add', 'remove')),
    reason      text not null default '',
    rep         text not null default '',
    verdict     text not null default '', -- at the first look, for adoption
    ended       text not null default '' check (ended in ('', 'done', 'withdrawn')),
    primary key (approval, list, address, op)
);
create index approval_pair_address on rollcall_state.approval_pair (source, association, address);

-- Why the database is not to be trusted with removals at the moment.
create table rollcall_state.alarm (
    source      text not null,
    association text not null,
    kind        text not null check (kind in ('truncated', 'empty', 'shrank', 'went_back')),
    detail      text not null default '', -- the view, and its rows before and now
    since       timestamptz not null,
    primary key (source, association, kind)
);

-- Rows of each view at the last complete read that raised no alarm.
create table rollcall_state.source_count (
    source      text not null,
    association text not null,
    view        text not null,
    rows        bigint not null,
    read_at     timestamptz not null,
    primary key (source, association, view)
);

-- One pass with a report.
create table rollcall_state.run (
    id          bigint generated always as identity primary key,
    source      text not null,
    association text not null,
    kind        text not null check (kind in ('nightly', 'sync_now', 'reconcile', 'first_look')),
    lists       text[] not null,    -- list keys that it makes exact or looks at; empty: all
    asked_by    text not null,      -- schedule, sql, or the name that a command gave
    state       text not null check (state in ('running', 'done', 'failed', 'refused')),
    detail      text not null default '', -- why it failed or was refused, without member data
    started_at  timestamptz not null,
    ended_at    timestamptz,
    counts      jsonb not null default '{}' -- drift found by the pull
);
create index run_started on rollcall_state.run (source, association, started_at);

-- What a run found, by reason: checked, added, updated, inactivated, held, refused.
create table rollcall_state.run_count (
    run    bigint not null references rollcall_state.run on delete cascade,
    what   text not null,
    reason text not null default '',
    n      bigint not null,
    primary key (run, what, reason)
);

-- What is due next, so that nothing is missed or doubled over restarts.
create table rollcall_state.due (
    source      text not null,
    association text not null,
    what        text not null,
    at          timestamptz not null,
    done_for    text not null default '', -- the last day or window that was done
    primary key (source, association, what)
);

-- Opt-outs and departures of people whose rows are erased: a keyed hash of
-- source, association and address stands for the address.
create table rollcall_state.erased (
    source      text not null,
    association text not null,
    hash        bytea not null,
    list        text not null,      -- '' is the opt-out, else a list that they left
    primary key (source, association, hash, list)
);

alter table rollcall_state.installation add hash_key bytea;

alter table rollcall_state.list
    add source_name      text not null default '', -- the name that the database had when it was bound or last renamed
    add type_id          text not null default '',
    add looked_at        timestamptz,              -- first look at a list that existed
    add keep_foreign     boolean not null default false,
    add rename_not_before timestamptz;

alter table rollcall_state.contact
    add lists          integer not null default 0, -- of the account, at the last read
    add refused_fields text not null default '',   -- fingerprint of what was refused
    add retried_at     timestamptz,                -- the one retry after a refusal
    add unheld_since   timestamptz;                -- nobody in the database has the address since

-- Single contacts are given another address, made or told fields by a request of
-- their own, without an activity of Constant Contact's.
alter table rollcall_state.activity
    drop constraint activity_kind_check,
    add constraint activity_kind_check check (kind in ('import', 'add', 'remove', 'move', 'create', 'fields'));
alter table rollcall_state.intent
    drop constraint intent_op_check,
    add constraint intent_op_check check (op in ('add', 'remove', 'fields', 'move'));

alter table rollcall_state.dirty add run bigint;
alter table rollcall_state.intent
    add run bigint,
    add approved boolean not null default false, -- by a person: counts against no threshold
    add opt_out boolean not null default false,
    add exact boolean not null default false,    -- asked for by an exact list
    add from_address text not null default '';   -- of a move
create index intent_list on rollcall_state.intent (list, activity);

alter table rollcall_state.request
    alter lsn drop not null,        -- null: asked by a command, not by SQL
    add asked_by text not null default 'sql';

-- +goose Down
alter table rollcall_state.request drop asked_by, alter lsn set not null;
drop index rollcall_state.intent_list;
alter table rollcall_state.intent drop run, drop approved, drop opt_out, drop exact, drop from_address;
alter table rollcall_state.dirty drop run;
alter table rollcall_state.contact drop lists, drop refused_fields, drop retried_at, drop unheld_since;
alter table rollcall_state.list drop source_name, drop type_id, drop looked_at, drop keep_foreign, drop rename_not_before;
alter table rollcall_state.installation drop hash_key;
drop table rollcall_state.erased, rollcall_state.due, rollcall_state.run_count, rollcall_state.run, rollcall_state.source_count,
    rollcall_state.alarm, rollcall_state.approval_pair, rollcall_state.approval, rollcall_state.opt_in, rollcall_state.previous_allowed,
    rollcall_state.address_change, rollcall_state.rep_now;
