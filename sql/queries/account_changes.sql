-- E-mail changes carry over to no list of an account that is left.
update rollcall_state.address_change
set lists = array(select x from unnest(lists) as x where x not like 'unmanaged:%'), no_move = false
where source = $1 and association = $2 and ended_at is null and lists is not null
