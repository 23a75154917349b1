-- Lists and how many people they have, as far as is known. This reads the whole
-- ledger. See metrics_queue.sql for the shape; $2 is not needed.
select 'lists', association, array[kind, state], count(*)::double precision
from rollcall_state.list where source = $1 and $2::timestamptz is not null group by association, kind, state
union all
select 'list_people', l.association, array[l.kind, l.key], coalesce(x.people, 0)::double precision
from rollcall_state.list l
left join (
    select association, list, count(*) as people
    from rollcall_state.ledger
    where source = $1
      and (shown = 'on' or told = 'add' and (not confirmed or shown <> 'off') or told = 'remove' and not confirmed and shown <> 'off')
    group by association, list
) x on x.association = l.association and x.list = l.key
where l.source = $1
order by 1, 2, 3
