select key[1], touched_at, version, packed
from rollcall_state.touched
where source = $1 and kind = 'all' and via = 'packed'
order by touched_at
limit 1
