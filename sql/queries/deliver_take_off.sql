-- Takes addresses off the queue at the versions that were read: a row that was
-- touched since stays. Each is looked up by the primary key: the queue fills and
-- empties faster than statistics are made of it, and joined as they suggest it is
-- read as a whole for every address.
delete from rollcall_state.dirty
where ctid = any(array(
    select d.ctid
    from unnest($3::text[], $4::bigint[]) as x (address, version)
    cross join lateral (
        select q.ctid
        from rollcall_state.dirty q
        where q.source = $1 and q.association = $2 and q.address = x.address and q.version = x.version
        for update) d))
