-- Whoever waited for this activity is due again. See deliver_take_off.sql for the form.
update rollcall_state.dirty
set not_before = null
where ctid = any(array(
    select d.ctid
    from (select distinct address from rollcall_state.intent where activity = $1) i
    cross join lateral (
        select q.ctid
        from rollcall_state.dirty q
        where q.source = $2 and q.association = $3 and q.address = i.address
        for update) d))
