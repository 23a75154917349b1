-- The oldest packed rows that hold $2 keys together, or the oldest. A key waits
-- for those of its transactions that its row still has.
select key[1], touched_at, version, packed, array(select x::text::bigint from unnest(xids) as x)
from rollcall_state.touched
where source = $1 and kind = 'all' and via = 'packed' and key in (
    select key
    from (select key, sum(keys) over (order by touched_at, key) - keys as before
          from rollcall_state.touched
          where source = $1 and kind = 'all' and via = 'packed') t
    where before < $2)
order by touched_at
