-- A page of the addresses behind $3 that the state knows. Each table gives as many
-- as the page takes, so that a page does not read what comes behind it.
select x.address, array(
    select s.rep from rollcall_state.rep_seen s
    where s.source = $1 and s.association = $2 and s.address = x.address order by s.ord)
from (
    (select distinct address from rollcall_state.rep_seen
     where source = $1 and association = $2 and address > $3 order by address limit $4)
    union
    (select distinct address from rollcall_state.contact
     where source = $1 and association = $2 and address > $3 order by address limit $4)
    union
    (select distinct address from rollcall_state.ledger
     where source = $1 and association = $2 and address > $3 order by address limit $4)
) x
order by x.address
limit $4
