-- +goose Up
-- Since when Constant Contact shows a contact in its state. Several statements
-- write the state; a trigger misses none of them.
alter table rollcall_state.contact add state_since timestamptz;

-- +goose StatementBegin
create function rollcall_state.contact_state_since() returns trigger
language plpgsql set search_path = ''
as $$
begin
    if tg_op = 'INSERT' or new.state is distinct from old.state then
        new.state_since := new.read_at;
    end if;
    return new;
end
$$;
-- +goose StatementEnd

create trigger contact_state_since before insert or update of state on rollcall_state.contact
    for each row execute function rollcall_state.contact_state_since();

-- What Constant Contact says of the people of the member database.
create view rollcall_state.feedback as
with said as (
    select c.source, c.association, c.address, null::text as list,
           case c.state
               when 'unsubscribed' then 'unsubscribed'
               when 'deleted' then 'deleted'
               when 'temp_hold' then 'on_hold'
               when 'pending_confirmation' then 'awaiting_confirmation'
               when 'not_set' then 'no_permission'
               when 'absent' then 'address_changed'
           end as state,
           c.state_since as since
    from rollcall_state.contact c
    where c.state in ('unsubscribed', 'deleted', 'temp_hold', 'pending_confirmation', 'not_set')
       or c.state = 'absent' and c.contact_id <> ''
    union all
    select source, association, address, null, 'refused', refused_at
    from rollcall_state.contact
    where refused_at is not null
    union all
    select l.source, l.association, l.address, coalesce(b.name, l.list), 'departed', l.departed_at
    from rollcall_state.ledger l
    left join rollcall_state.list b on b.source = l.source and b.association = l.association and b.key = l.list
    where l.departed_at is not null
)
select s.source, s.association, s.address, r.reps, s.list, s.state, s.since
from said s
join lateral (
    select array_agg(x.rep order by x.ord) as reps
    from rollcall_state.rep_seen x
    where x.source = s.source and x.association = s.association and x.address = s.address
) r on r.reps is not null;

comment on view rollcall_state.feedback is
'What Constant Contact says of people: to be shown in the member system. Rollcall writes nothing into the member tables. '
'The owner of this schema may let a role read it: grant usage on schema rollcall_state to app; grant select on rollcall_state.feedback to app;';
comment on column rollcall_state.feedback.source is 'Configured name of the member database.';
comment on column rollcall_state.feedback.association is 'association_id as text.';
comment on column rollcall_state.feedback.address is 'The address: trimmed, lower-case.';
comment on column rollcall_state.feedback.reps is 'rep_id as text of every rep that was ever seen with the address, the first seen first.';
comment on column rollcall_state.feedback.list is 'Name of the one list that the person left; null where it is about the contact.';
comment on column rollcall_state.feedback.state is 'unsubscribed, deleted, on_hold, awaiting_confirmation, no_permission, address_changed, refused or departed.';
comment on column rollcall_state.feedback.since is 'When that was first read.';

-- +goose Down
drop view rollcall_state.feedback;
drop trigger contact_state_since on rollcall_state.contact;
drop function rollcall_state.contact_state_since();
alter table rollcall_state.contact drop state_since;
