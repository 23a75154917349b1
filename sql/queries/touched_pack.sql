-- Only so many: what nobody works off must not grow with the changes, so the
-- keys are merged then.
insert into rollcall_state.touched (source, kind, via, key, xids, end_lsn, touched_at, keys, packed)
select $1, 'all', 'packed', array[gen_random_uuid()::text], array(select x::text::xid8 from unnest($2::bigint[]) as x),
       '0/0'::pg_lsn + $3::numeric, $4::timestamptz, $5, $6
where (select coalesce(sum(keys), 0) from rollcall_state.touched where source = $1 and kind = 'all' and via = 'packed') < $7
