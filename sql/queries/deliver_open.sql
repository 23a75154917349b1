-- What calls on their way do to the addresses. The last one counts where there are
-- several for a pair. List '' is about fields alone. A look-up each, by offset 0: the
-- server would rather compare each person of the calls with each of the addresses.
select x.address, i.list, i.op
from unnest($3::text[]) as x (address)
cross join lateral (
    select i.activity, i.list, i.op
    from rollcall_state.intent i
    join rollcall_state.activity a on a.id = i.activity
    where i.address = x.address and a.source = $1 and a.association = $2 and a.state in ('intended', 'sent', 'unknown')
    offset 0) i
where exists (select from rollcall_state.activity where source = $1 and association = $2 and state in ('intended', 'sent', 'unknown'))
order by i.activity
