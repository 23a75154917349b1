-- Calls to an account that is left are over, whatever becomes of them there.
update rollcall_state.activity
set state = 'ended', ended_at = $3, outcome = 'the association has another account'
where source = $1 and association = $2 and state in ('intended', 'sent', 'unknown')
