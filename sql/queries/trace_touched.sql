-- Touched keys that nobody has looked at yet: those of rep $2 by name, all others
-- as one row for each kind, which may concern the rep.
select kind, min(touched_at), min(nullif(end_lsn, '0/0'))::text, max(nullif(end_lsn, '0/0'))::text, sum(keys)::int, kind = 'rep' and via = '' and key = array[$2::text] as named
from rollcall_state.touched
where source = $1
group by kind, kind = 'rep' and via = '' and key = array[$2::text]
order by named desc, kind
