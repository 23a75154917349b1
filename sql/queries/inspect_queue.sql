-- What keeps the sender from changing addresses now; $4 is the time.
select x.address,
       exists (
           select from rollcall_state.intent i join rollcall_state.activity a on a.id = i.activity
           where i.address = x.address and a.source = $1 and a.association = $2 and a.state in ('intended', 'sent', 'unknown')),
       coalesce(d.not_before > $4, false),
       (select count(*)::int from unnest(c.imported_at) as t where t > $4::timestamptz - interval '24 hours'),
       coalesce(c.state, '') in ('', 'absent')
from unnest($3::text[]) as x (address)
left join rollcall_state.dirty d on d.source = $1 and d.association = $2 and d.address = x.address
left join rollcall_state.contact c on c.source = $1 and c.association = $2 and c.address = x.address
