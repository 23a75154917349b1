-- The ids of lists that are not ours and on which somebody is, or is to be put, as
-- far as we know.
select distinct substr(x.list, length('unmanaged:') + 1)
from (
    select l.list from rollcall_state.ledger l
    where l.source = $1 and l.association = $2 and l.list like 'unmanaged:%' and (l.told <> '' or l.shown = 'on')
    union all
    select u.list from rollcall_state.address_change c cross join unnest(c.lists) as u (list)
    where c.source = $1 and c.association = $2 and c.ended_at is null and u.list like 'unmanaged:%'
) x
