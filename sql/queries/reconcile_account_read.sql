-- The reading of the whole account that began at $3 is complete. Whom it did not
-- show, or not where it should have, and who was not asked for by name since, keeps
-- the time of the reading before.
with complete as (
    insert into rollcall_state.account_read (source, association, at) values ($1, $2, $3::timestamptz)
    on conflict (source, association) do update set at = excluded.at
), unread as (
    select c.address
    from rollcall_state.contact c
    where c.source = $1 and c.association = $2 and c.state not in ('', 'absent') and (c.read_at is null or c.read_at < $3)
      and not exists (select from rollcall_state.shown s where s.source = c.source and s.association = c.association and s.address = c.address)
)
update rollcall_state.contact c
set unshown = x.unread,
    read_at = case when x.unread and c.read_at is not null
                   then greatest(c.read_at, (select at from rollcall_state.account_read where source = $1 and association = $2))
                   else c.read_at end
from (
    select k.address, u.address is not null as unread
    from rollcall_state.contact k
    left join unread u on u.address = k.address
    where k.source = $1 and k.association = $2 and k.unshown <> (u.address is not null)
) x
where c.source = $1 and c.association = $2 and c.address = x.address
