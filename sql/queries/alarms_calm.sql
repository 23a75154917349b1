-- The rows look right: what was said about their number ends. A table that was
-- truncated may be one that no view counts, so that ends only at a complete read
-- ($3) an hour later, once everybody was planned and nobody would go: whoever is
-- kept only because nobody approved it would go still. $4 the time.
delete from rollcall_state.alarm l
where l.source = $1 and l.association = $2
  and (l.kind in ('empty', 'shrank')
       or l.kind = 'truncated' and $3::boolean and l.since <= $4::timestamptz - interval '1 hour'
          and not exists (select from rollcall_state.dirty d
                          where d.source = l.source and d.association = l.association and d.touched_at <= l.since)
          and not exists (select from rollcall_state.approval q join rollcall_state.approval_pair p on p.approval = q.id
                          where q.source = l.source and q.association = l.association and q.kind = 'source' and p.ended = ''
                            and (q.state = 'waiting' or q.state in ('rejected', 'expired') and q.asked_at >= l.since)))
