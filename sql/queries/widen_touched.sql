select kind, via, key, array(select x::text::bigint from unnest(xids) as x), (end_lsn - '0/0'::pg_lsn)::bigint, touched_at, version
from rollcall_state.touched
where source = $1 and packed is null and via <> all($3::text[])
order by touched_at
limit $2
