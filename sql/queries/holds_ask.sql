-- Operations go into question $1: $4 lists, $5 addresses, $6 ops, $7 reasons, $8
-- reps and $9 verdicts, side by side. Of one that is there twice the last counts.
insert into rollcall_state.approval_pair (approval, source, association, list, address, op, reason, rep, verdict)
select distinct on (list, address, op) $1::bigint, $2, $3, list, address, op, reason, rep, verdict
from unnest($4::text[], $5::text[], $6::text[], $7::text[], $8::text[], $9::text[]) with ordinality
    as p (list, address, op, reason, rep, verdict, place)
order by list, address, op, place desc
on conflict (approval, list, address, op) do update set ended = '', reason = excluded.reason, verdict = excluded.verdict
