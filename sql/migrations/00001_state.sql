-- +goose Up
-- The state of Rollcall. Every key begins with the configured name of the
-- source (the member database), because several may say "association 1".
-- No policy here calls now(): the clock of the process is passed in.

-- Which database a source is, to tell a clone from the original.
create table rollcall_state.installation (
    source       text primary key,
    system_id    text not null,
    timeline     integer not null,
    database_oid oid not null,
    slot         text not null,
    created_at   timestamptz not null
);

-- How far the stream of a source is durable here, and whether everything is
-- still to be touched a second time (see DESIGN.md of cdc).
create table rollcall_state.position (
    source          text primary key,
    durable_lsn     pg_lsn not null,
    saved_at        timestamptz not null,
    touch_all_after xid8,                 -- touch everything once xmin has passed it
    full_pass_at    timestamptz           -- the last time every row was read; null: never
);

-- Keys that committed transactions changed and nobody has looked at yet.
create table rollcall_state.touched (
    source     text not null,
    kind       text not null check (kind in ('rep', 'member', 'group', 'association', 'address', 'all')),
    via        text not null,             -- '' = key is the id; else the watch that resolves it
    key        text[] not null,
    xids       xid8[] not null,           -- not yet seen visible
    end_lsn    pg_lsn not null,
    touched_at timestamptz not null,      -- commit time of the oldest change
    version    bigint not null default 1,
    primary key (source, kind, via, key)
);

-- What somebody asked for by SQL.
create table rollcall_state.request (
    id         bigint generated always as identity primary key,
    source     text not null,
    content    jsonb not null,
    xid        xid8,                      -- null: already visible
    asked_at   timestamptz not null,
    state      text not null default 'pending' check (state in ('pending', 'running', 'done', 'refused')),
    answer     jsonb,                     -- counts, or the reason of a refusal
    ended_at   timestamptz,
    lsn        pg_lsn not null,
    unique (source, lsn)
);

-- Every address that a plan ever saw a rep with, in order, never overwritten.
create table rollcall_state.rep_seen (
    source      text not null,
    association text not null,
    rep         text not null,
    address     text not null,
    ord         bigint generated always as identity,
    opted_out   boolean,                  -- what the last plan saw; null: no plan yet
    primary key (source, association, rep, address)
);
create index rep_seen_address on rollcall_state.rep_seen (source, association, address);

-- Rows of reps that cannot be used, by reason; gone when the row is mended.
create table rollcall_state.rep_problem (
    source      text not null,
    association text not null,
    rep         text not null,
    reason      text not null,
    since       timestamptz not null,
    primary key (source, association, rep)
);

-- Addresses once seen opted out (docs/semantics.md, section 4).
create table rollcall_state.opt_out (
    source      text not null,
    association text not null,
    address     text not null,
    since       timestamptz not null,
    primary key (source, association, address)
);

-- The queue: addresses to be planned again. A touch raises the version; the
-- row goes only at the version that a plan read. The address '' stands for the
-- association's lists themselves.
create table rollcall_state.dirty (
    source      text not null,
    association text not null,
    address     text not null,
    version     bigint not null default 1,
    touched_at  timestamptz not null,     -- commit time of the oldest change
    not_before  timestamptz,              -- waits (address limit, backoff)
    exact       text[] not null default '{}', -- lists that drop everybody not wanted
    primary key (source, association, address)
);
create index dirty_due on rollcall_state.dirty (source, association, touched_at);

create table rollcall_state.list (
    source      text not null,
    association text not null,
    key         text not null,
    kind        text not null,
    ref         text not null,
    name        text not null,            -- as bound in Constant Contact
    list_id     text not null,
    state       text not null,
    existed     boolean not null,         -- was there before us
    bound_at    timestamptz not null,
    primary key (source, association, key),
    unique (source, association, list_id)
);

create table rollcall_state.contact (
    source       text not null,
    association  text not null,
    address      text not null,
    contact_id   text not null default '',
    state        text not null default '',
    read_at      timestamptz,
    fields_rep   text not null default '',
    fields       text not null default '', -- fingerprint, not the fields
    refused_at   timestamptz,
    imported_at  timestamptz[] not null default '{}', -- import rows of the last 24 hours
    primary key (source, association, address)
);

create table rollcall_state.ledger (
    source      text not null,
    association text not null,
    list        text not null,            -- list.key
    address     text not null,
    told        text not null default '' check (told in ('', 'add', 'remove')),
    told_at     timestamptz,
    activity    bigint,                   -- by which it was told
    confirmed   boolean not null default false,
    seen        boolean not null default false,
    shown       text not null default '' check (shown in ('', 'on', 'off')),
    shown_at    timestamptz,
    departed_at timestamptz,
    removed_at  timestamptz,              -- our last confirmed removal
    primary key (source, association, list, address)
);
create index ledger_address on rollcall_state.ledger (source, association, address);

-- One call to Constant Contact that works on people, from before it is sent.
create table rollcall_state.activity (
    id          bigint generated always as identity primary key,
    source      text not null,
    association text not null,
    kind        text not null check (kind in ('import', 'add', 'remove')),
    list_ids    text[] not null,
    people      integer not null,
    state       text not null check (state in ('intended', 'sent', 'unknown', 'ended', 'rejected')),
    activity_id text,                     -- Constant Contact's
    created_at  timestamptz not null,
    sent_at     timestamptz,
    ended_at    timestamptz,
    outcome     text,
    counters    jsonb
);
create index activity_open on rollcall_state.activity (source, association)
    where state in ('intended', 'sent', 'unknown');

-- What an activity does to each pair; list '' stands for a fields-only row.
create table rollcall_state.intent (
    activity bigint not null references rollcall_state.activity on delete cascade,
    list     text not null,
    address  text not null,
    op       text not null check (op in ('add', 'remove', 'fields')),
    reason   text not null default '',
    rep      text not null default '',
    fields   text not null default '',
    again    boolean not null default false, -- a removal that overtook another call: not the last word
    was      jsonb,                          -- the ledger's row before, for a call that was not applied
    primary key (activity, list, address)
);
create index intent_address on rollcall_state.intent (address);

-- +goose Down
drop table rollcall_state.intent, rollcall_state.activity, rollcall_state.ledger, rollcall_state.contact,
    rollcall_state.list, rollcall_state.dirty, rollcall_state.opt_out, rollcall_state.rep_problem,
    rollcall_state.rep_seen, rollcall_state.request, rollcall_state.touched, rollcall_state.position,
    rollcall_state.installation;
