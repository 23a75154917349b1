-- Stands for everything that how people stand depends on, apart from the rows of
-- the database, which come with a queue.
select md5(concat_ws('|',
    (select max(id) from rollcall_state.activity where source = $1 and association = $2),
    (select max(ended_at) from rollcall_state.activity where source = $1 and association = $2 and id > coalesce((
        select max(id) from rollcall_state.activity where source = $1 and association = $2), 0) - 200),
    (select max(read_at) from rollcall_state.contact where source = $1 and association = $2),
    (select count(*) from rollcall_state.approval where source = $1 and association = $2),
    (select max(decided_at) from rollcall_state.approval where source = $1 and association = $2),
    (select string_agg(concat_ws(':', key, state, list_id, looked_at), ',' order by key) from rollcall_state.list where source = $1 and association = $2),
    (select string_agg(state, ',') from rollcall_state.connection where source = $1 and association = $2),
    (select max(address || version) from (
        select address, version from rollcall_state.dirty
        where source = $1 and association = $2 and not_before is null
        order by first desc, touched_at, address limit 10) d)))
