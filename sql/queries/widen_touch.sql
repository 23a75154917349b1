insert into rollcall_state.touched as t (source, kind, via, key, xids, end_lsn, touched_at)
values ($1, $2, '', $3, '{}', '0/0', $4)
on conflict (source, kind, via, key) do update set version = t.version + 1
