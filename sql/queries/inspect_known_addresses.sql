-- The next addresses that any plan or call of an association ever concerned.
-- Each side gives its first ones, so that no address is stepped over.
select address
from (
    (select distinct address from rollcall_state.rep_seen
     where source = $1 and association = $2 and address > $3 order by address limit $4)
    union
    (select distinct address from rollcall_state.ledger
     where source = $1 and association = $2 and address > $3 order by address limit $4)
) x
order by address
limit $4
