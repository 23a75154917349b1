-- People whom nothing knows any more. $3 are those that the state did not know
-- when they were looked at.
delete from rollcall_state.standing s
where s.source = $1 and s.association = $2 and not s.who = any($3::text[])
  and not exists (select from rollcall_state.rep_seen x where x.source = $1 and x.association = $2 and x.address = s.who)
  and not exists (select from rollcall_state.ledger l where l.source = $1 and l.association = $2 and l.address = s.who)
