-- +goose Up
-- API keys, the calls that they have left, and the accounts that are connected.
-- Leases and budgets have no source: an API key may serve several.

-- What only one process may do at a time, such as calling with an API key.
-- Nobody takes a lease because of a time that is written here: clocks differ. A
-- candidate takes it after it has seen the same renewal for as long as a lease
-- lasts, by its own clock.
create table rollcall_state.lease (
    key          text primary key,
    holder       text not null,          -- names the process; '' = free
    serves       text not null,          -- what it is held for: a source, or a command
    token        bigint not null,        -- raised at each takeover; fences transactions
    renewals     bigint not null default 0,
    held_since   timestamptz not null,
    expires_at   timestamptz not null,   -- by the holder's clock, for people to read
    wanted_by    text not null default '', -- asks the holder to give it up
    wanted_until timestamptz,
    -- Makes a takeover wait for transactions that hold the row FOR KEY SHARE,
    -- while a renewal does not.
    unique (key, token)
);

-- The calls of an API key on a day of UTC. Blocks of calls are taken before they
-- are made; what was taken and not used is given back, or lost by a crash.
create table rollcall_state.budget (
    key          text not null,
    day          date not null,
    taken        integer not null,
    closed_until timestamptz,            -- Constant Contact said that the day is spent
    primary key (key, day)
);

-- The same, by association.
create table rollcall_state.budget_share (
    key         text not null,
    day         date not null,
    source      text not null,
    association text not null,
    calls       integer not null,        -- made, all of them
    opt_outs    integer not null,        -- of these, for opt-outs
    primary key (key, day, source, association)
);

-- The account of an association.
create table rollcall_state.connection (
    source       text not null,
    association  text not null,
    api_key      text not null,          -- its name in the configuration
    account_id   text not null,
    account_name text not null,
    state        text not null check (state in ('connected', 'needs_reconnecting', 'other_account', 'disconnected')),
    detail       text not null default '', -- why, without a secret
    state_since  timestamptz not null,
    connected_at timestamptz not null,
    connected_by text not null,
    agreed_at    timestamptz,            -- that members agreed to be mailed; null: nobody was asked
    agreed_by    text not null default '',
    primary key (source, association)
);
-- Two associations never share an account.
create unique index connection_account on rollcall_state.connection (account_id) where state <> 'disconnected';

-- Tokens, sealed with a master key (DESIGN.md of internal/credential).
create table rollcall_state.token (
    source       text not null,
    association  text not null,
    access       bytea not null,
    refresh      bytea not null,
    expires_at   timestamptz not null,   -- of the access token
    version      bigint not null,        -- raised by each refresh and each connecting
    received_at  timestamptz not null,
    primary key (source, association),
    foreign key (source, association) references rollcall_state.connection on delete cascade
);

-- +goose Down
drop table rollcall_state.token, rollcall_state.connection, rollcall_state.budget_share, rollcall_state.budget, rollcall_state.lease;
