-- An alarm about every association that the state knows. A gap ($2) begins anew.
insert into rollcall_state.alarm as l (source, association, kind, since)
select $1, association, $2, $3::timestamptz
from (
    select association from rollcall_state.source_count where source = $1
    union select association from rollcall_state.list where source = $1
    union select association from rollcall_state.connection where source = $1
) a
on conflict (source, association, kind) do update set since = excluded.since where l.kind = 'gap'
