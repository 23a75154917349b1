-- +goose Up
-- Which database is the right one, and who said so.
alter table rollcall_state.installation
    add with_state boolean,                -- the state is in that database; null: recorded by an older version
    add adopted_at timestamptz,            -- when another database was taken for the right one last
    add adopted_by text not null default '',
    add adopted_as text not null default '' check (adopted_as in ('', 'failover', 'restored'));

-- gap: changes may be missing, so that removals wait for a complete
-- reconciliation.
alter table rollcall_state.alarm
    drop constraint alarm_kind_check,
    add constraint alarm_kind_check check (kind in ('truncated', 'empty', 'shrank', 'unreadable', 'went_back', 'gap'));

-- The lowest level of a binary that may work with this schema. A binary's level
-- is the last migration that it knows. A migration that an older binary cannot
-- work beside raises it; all others let both run during an upgrade.
create table rollcall_state.compat (
    one   boolean primary key default true check (one),
    level integer not null
);
insert into rollcall_state.compat (level) values (18);

-- +goose Down
drop table rollcall_state.compat;
delete from rollcall_state.alarm where kind = 'gap';
alter table rollcall_state.alarm
    drop constraint alarm_kind_check,
    add constraint alarm_kind_check check (kind in ('truncated', 'empty', 'shrank', 'went_back'));
alter table rollcall_state.installation drop with_state, drop adopted_at, drop adopted_by, drop adopted_as;
