-- Everything was read from the database since, twice where that is due, and a
-- full reconciliation began since and has ended.
delete from rollcall_state.alarm l
where l.source = $1 and l.association = $2 and l.kind = 'gap'
  and exists (select from rollcall_state.run r
              where r.source = l.source and r.association = l.association and r.kind = 'reconcile' and r.state = 'done' and r.started_at >= l.since)
  and exists (select from rollcall_state.position p where p.source = l.source and p.touch_all_after is null and p.full_pass_at >= l.since)
  and not exists (select from rollcall_state.touched t where t.source = l.source and t.kind = 'all')
