-- How far the stream of a source has come. $1 source.
select (select saved_at from rollcall_state.position where source = $1),
       (select full_pass_at from rollcall_state.position where source = $1),
       coalesce(sum(keys), 0)::int, min(touched_at)
from rollcall_state.touched where source = $1
