insert into rollcall_state.ledger as l (source, association, list, address, shown, departed_at)
select source, association, list, address, 'off', $2::timestamptz
from rollcall_state.approval_pair
where approval = $1 and ended = ''
on conflict (source, association, list, address) do update set departed_at = coalesce(l.departed_at, excluded.departed_at)
