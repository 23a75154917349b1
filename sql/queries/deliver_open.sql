-- What calls on their way do to the addresses. The last one counts where there are
-- several for a pair. List '' is about fields alone.
select i.address, i.list, i.op
from rollcall_state.activity a
join rollcall_state.intent i on i.activity = a.id
where a.source = $1 and a.association = $2 and a.state in ('intended', 'sent', 'unknown') and i.address = any($3)
order by i.activity
