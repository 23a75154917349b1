-- What the pairs of addresses are before a call tells them anything.
select address, list, jsonb_build_object('told', told, 'confirmed', confirmed, 'shown', shown, 'seen', seen)::text
from rollcall_state.ledger
where source = $1 and association = $2 and address = any($3)
