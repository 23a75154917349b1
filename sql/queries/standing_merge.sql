-- How people stand now, where it is another way than before. $3 are the people
-- who were looked at; the arrays behind it are one row for each of their lists.
with now as (
    select * from unnest($4::text[], $5::text[], $6::text[], $7::text[], $8::boolean[], $9::text[], $10::text[])
        as n (list, who, class, reason, on_list, op, rep)
), gone as (
    delete from rollcall_state.standing s
    where s.source = $1 and s.association = $2 and s.who = any($3::text[])
      and not exists (select from now n where n.list = s.list and n.who = s.who)
)
insert into rollcall_state.standing as s (source, association, list, who, class, reason, on_list, op, rep)
select $1, $2, n.list, n.who, n.class, n.reason, n.on_list, n.op, n.rep
from now n
left join rollcall_state.standing o on o.source = $1 and o.association = $2 and o.list = n.list and o.who = n.who
where o.who is null or (o.class, o.reason, o.on_list, o.op, o.rep) is distinct from (n.class, n.reason, n.on_list, n.op, n.rep)
on conflict (source, association, list, who) do update
set class = excluded.class, reason = excluded.reason, on_list = excluded.on_list, op = excluded.op, rep = excluded.rep
