-- +goose Up
-- What an account that an association had before showed of people: it holds by
-- address, whatever the present account shows, until an operator allows the
-- person back.
create table rollcall_state.old_account (
    source      text not null,
    association text not null,
    address     text not null,
    state       text not null check (state in ('unsubscribed', 'deleted', 'temp_hold')),
    since       timestamptz,             -- as the account before showed it first
    primary key (source, association, address)
);

create or replace view rollcall_state.feedback as
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
    select o.source, o.association, o.address, null, case o.state when 'temp_hold' then 'on_hold' else o.state end, o.since
    from rollcall_state.old_account o
    where not exists (select from rollcall_state.contact c
                      where c.source = o.source and c.association = o.association and c.address = o.address and c.state = o.state)
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

-- +goose Down
create or replace view rollcall_state.feedback as
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
drop table rollcall_state.old_account;
