-- Deletes touched keys at the versions that were read, each looked up by the
-- primary key. An array of arrays has to be even, so keys come as texts.
delete from rollcall_state.touched
where ctid = any(array(
    select t.ctid
    from unnest($2::text[], $3::text[], $4::text[], $5::bigint[]) as x (kind, via, key, version)
    cross join lateral (
        select q.ctid
        from rollcall_state.touched q
        where q.source = $1 and q.kind = x.kind and q.via = x.via and q.key = x.key::text[] and q.version = x.version
        for update) t))
