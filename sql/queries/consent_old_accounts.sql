-- Who may not be mailed for what an account before the present one showed of them, or for
-- what that or this one shows of an address that they had before. The file has all as the
-- first.
with kept as (
    select association, address, state, since from rollcall_state.old_account where source = $1
    union all
    select p.association, n.address, p.state, p.since
    from (
        select association, address, state, state_since as since
        from rollcall_state.contact
        where source = $1 and state in ('unsubscribed', 'deleted', 'temp_hold')
        union all
        select association, address, state, since from rollcall_state.old_account where source = $1
    ) p
    join rollcall_state.rep_seen s on s.source = $1 and s.association = p.association and s.address = p.address
    join rollcall_state.rep_now n on n.source = $1 and n.association = s.association and n.rep = s.rep and n.address <> p.address
    where not exists (select from rollcall_state.previous_allowed a
                      where a.source = $1 and a.association = n.association and a.rep = n.rep and a.address = n.address
                        and a.allowed_at >= p.since)
)
select distinct on (association, address) association, address, state, since
from kept
order by association, address, state desc, since
