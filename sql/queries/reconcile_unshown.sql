-- $3 when the pull began, $4 the lists that it read, none for the whole account.
select c.address
from rollcall_state.contact c
where c.source = $1 and c.association = $2 and c.state not in ('', 'absent') and (c.read_at is null or c.read_at < $3)
  and (cardinality($4::text[]) = 0 or exists (
      select from rollcall_state.ledger l
      where l.source = c.source and l.association = c.association and l.address = c.address and l.list = any($4::text[])
        and l.departed_at is null and (l.shown = 'on' or l.told = 'add' and l.shown <> 'off')))
  and not exists (select from rollcall_state.pulled p where p.source = c.source and p.association = c.association and p.address = c.address)
  and not exists (select from rollcall_state.shown s where s.source = c.source and s.association = c.association and s.address = c.address)
order by c.read_at nulls first, c.address
limit $5
