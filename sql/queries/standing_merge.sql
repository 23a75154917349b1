-- How people stand now, where it is another way than before. $3 are the people
-- who were looked at; the arrays behind it are one row for each of their lists.
-- Rows are found person by person (offset 0 keeps it so): without statistics, as
-- in a first count, the planner would rather read everybody of the association.
with now as (
    select * from unnest($4::text[], $5::text[], $6::text[], $7::text[], $8::boolean[], $9::text[], $10::text[])
        as n (list, who, class, reason, on_list, op, rep)
), gone as (
    delete from rollcall_state.standing s
    using unnest($3::text[]) as w (who)
    cross join lateral (
        select ctid as at, list from rollcall_state.standing
        where source = $1 and association = $2 and who = w.who
        offset 0
    ) o
    where s.ctid = o.at and not exists (select from now n where n.list = o.list and n.who = w.who)
)
insert into rollcall_state.standing as s (source, association, list, who, class, reason, on_list, op, rep)
select $1, $2, n.list, n.who, n.class, n.reason, n.on_list, n.op, n.rep
from now n
left join lateral (
    select true as known, class, reason, on_list, op, rep from rollcall_state.standing
    where source = $1 and association = $2 and list = n.list and who = n.who
    offset 0
) o on true
where o.known is null or (o.class, o.reason, o.on_list, o.op, o.rep) is distinct from (n.class, n.reason, n.on_list, n.op, n.rep)
on conflict (source, association, list, who) do update
set class = excluded.class, reason = excluded.reason, on_list = excluded.on_list, op = excluded.op, rep = excluded.rep
