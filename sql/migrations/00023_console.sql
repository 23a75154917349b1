-- +goose Up
-- Who may see the console, and who is in it.

create table rollcall_state.console_user (
    source        text not null,
    name          text not null,         -- in small letters
    role          text not null check (role in ('viewer', 'operator', 'admin')),
    associations  text[],                -- null: all
    password_hash text not null,         -- bcrypt; '' = let in by a proxy only
    password_id   uuid not null,         -- changes with the password
    added_at      timestamptz not null,
    added_by      text not null,
    changed_at    timestamptz not null,
    primary key (source, name)
);

create table rollcall_state.console_session (
    source       text not null,
    token_hash   text not null,          -- SHA-256 of the cookie
    name         text not null,
    password_id  uuid not null,          -- of the login; over when the user has another one
    begun_at     timestamptz not null,
    seen_at      timestamptz not null,   -- to the minute
    primary key (source, token_hash),
    foreign key (source, name) references rollcall_state.console_user on delete cascade
);
create index console_session_name on rollcall_state.console_session (source, name);

-- +goose Down
drop table rollcall_state.console_session, rollcall_state.console_user;
