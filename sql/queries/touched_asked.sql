insert into rollcall_state.touched as t (source, kind, via, key, xids, end_lsn, touched_at)
values ($1, $2, '', $3, array_remove(array[$4::bigint::text::xid8], '0'::xid8), '0/0'::pg_lsn + $5::numeric, $6)
on conflict (source, kind, via, key) do update
set xids = array(select unnest(t.xids) union select unnest(excluded.xids)),
    end_lsn = greatest(t.end_lsn, excluded.end_lsn),
    touched_at = least(t.touched_at, excluded.touched_at),
    version = t.version + 1
