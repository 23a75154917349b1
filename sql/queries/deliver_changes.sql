-- E-mail changes that are not finished, to or from the addresses.
select id, rep, from_address, to_address, lists, no_move
from rollcall_state.address_change
where source = $1 and association = $2 and ended_at is null
  and (to_address = any($3) or from_address && $3::text[])
