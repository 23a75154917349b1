-- A page of the addresses behind $3 that a run is about. Each table gives as many as
-- the page takes, so that a page does not read what comes behind it.
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
