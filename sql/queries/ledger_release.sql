-- Whoever waited for this activity is due again.
update rollcall_state.dirty
set not_before = null
where source = $2 and association = $3 and address = any(array(select address from rollcall_state.intent where activity = $1))
