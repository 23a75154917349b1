-- Replaces a pair of tokens. The same pair again is no other: it was saved by a
-- commit whose answer was lost.
update rollcall_state.token
set access = $4, refresh = $5, expires_at = $6, version = $7, received_at = $8
where source = $1 and association = $2 and (version = $3 or version = $7 and access = $4 and refresh = $5)
