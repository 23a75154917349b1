-- The addresses of run $3. $5 exact lists, $6 the one list of the run or '', $7
-- further addresses of it. With $8 only pairs whose removal a person approved
-- count as exact. A run that is about no one list queues all addresses behind $9.
insert into rollcall_state.dirty as d (source, association, address, touched_at, run, exact)
select $1, $2, x.address, $4::timestamptz, $3::bigint, coalesce(e.exact, '{}')
from (
    select address from rollcall_state.ledger where source = $1 and association = $2 and list = $6
    union
    select address from rollcall_state.ledger where source = $1 and association = $2 and $6 = '' and address > $9
    union
    select address from rollcall_state.rep_seen where source = $1 and association = $2 and $6 = '' and address > $9
    union
    select unnest($7::text[])
) x
left join (
    select l.address, array_agg(l.list) as exact
    from rollcall_state.ledger l
    where l.source = $1 and l.association = $2 and l.list = any($5::text[])
      and (not $8::boolean or exists (
          select from rollcall_state.approval_pair p join rollcall_state.approval q on q.id = p.approval
          where p.source = l.source and p.association = l.association and p.address = l.address and p.list = l.list
            and p.op = 'remove' and p.ended = '' and q.state = 'approved' and (q.expires_at is null or q.expires_at > $4)))
    group by l.address
) e on e.address = x.address
on conflict (source, association, address) do update
set version = d.version + 1, not_before = null, run = excluded.run,
    exact = array(select unnest(d.exact) union select unnest(excluded.exact))
