-- Addresses about which something was told or read since $3, at most $4.
select address
from (
    (select address from rollcall_state.contact where source = $1 and association = $2 and read_at > $3::timestamptz limit $4)
    union
    (select i.address
     from (select id, created_at, ended_at from rollcall_state.activity where source = $1 and association = $2 order by id desc limit 200) a
     join rollcall_state.intent i on i.activity = a.id
     where a.created_at > $3::timestamptz or a.ended_at > $3::timestamptz
     limit $4)
) x
limit $4
