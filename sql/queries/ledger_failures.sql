-- How many activities of the last hour that name somebody of this one failed, this
-- one included; and whether it is one of removals for opt-outs, which have their own.
select count(*), coalesce((select bool_or(opt_out) from rollcall_state.intent where activity = $1), false)
from rollcall_state.activity a
where a.source = $2 and a.association = $3 and a.state = 'ended' and a.ended_at > $4::timestamptz - interval '1 hour'
  and a.outcome in ('failed', 'timed_out', 'cancelled')
  and exists (select from rollcall_state.intent mine join rollcall_state.intent i on i.address = mine.address
              where mine.activity = $1 and i.activity = a.id)
