-- Who may not be mailed for what an account before the present one showed of them, or for
-- what this one shows of an address that they had before. The file has both as the first.
with kept as (
    select association, address, state, since from rollcall_state.old_account where source = $1
    union all
    select c.association, n.address, c.state, c.state_since
    from rollcall_state.contact c
    join rollcall_state.rep_seen s on s.source = c.source and s.association = c.association and s.address = c.address
    join rollcall_state.rep_now n on n.source = s.source and n.association = s.association and n.rep = s.rep and n.address <> c.address
    where c.source = $1 and c.state in ('unsubscribed', 'deleted', 'temp_hold')
      and not exists (select from rollcall_state.previous_allowed a
                      where a.source = $1 and a.association = n.association and a.rep = n.rep and a.address = n.address)
)
select distinct on (association, address) association, address, state, since
from kept
order by association, address, state desc, since
