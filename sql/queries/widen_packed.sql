-- A key waits for those of its transactions that the row still has.
select key[1], touched_at, version, packed, array(select x::text::bigint from unnest(xids) as x)
from rollcall_state.touched
where source = $1 and kind = 'all' and via = 'packed'
order by touched_at
limit 1
