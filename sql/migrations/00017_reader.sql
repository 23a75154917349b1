-- +goose Up
-- A batch of many touched keys is one row: kind 'all', via 'packed'. A binary
-- that does not know such rows looks at everything instead, and loses nothing.
alter table rollcall_state.touched
    add column keys integer not null default 1, -- how many the row stands for
    add column packed bytea;                    -- the keys; null: the row is one
alter table rollcall_state.touched alter column packed set storage external;

-- A view that failed: nobody of its association is taken off.
alter table rollcall_state.alarm
    drop constraint alarm_kind_check,
    add constraint alarm_kind_check check (kind in ('truncated', 'empty', 'shrank', 'unreadable', 'went_back'));

-- +goose Down
delete from rollcall_state.alarm where kind = 'unreadable';
alter table rollcall_state.alarm
    drop constraint alarm_kind_check,
    add constraint alarm_kind_check check (kind in ('truncated', 'empty', 'shrank', 'went_back'));
delete from rollcall_state.touched where packed is not null;
alter table rollcall_state.touched drop column keys, drop column packed;
