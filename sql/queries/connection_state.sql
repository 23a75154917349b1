-- Changes the state of a connection whose tokens are still those of the version;
-- one of the configuration has none.
update rollcall_state.connection c
set state = $4, detail = $5, state_since = $6
where c.source = $1 and c.association = $2 and c.state <> $4
  and coalesce((select t.version from rollcall_state.token t where t.source = $1 and t.association = $2), 0) = $3
