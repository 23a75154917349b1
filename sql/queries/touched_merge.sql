insert into rollcall_state.touched as t (source, kind, via, key, xids, end_lsn, touched_at)
select $1, i.kind, i.via, i.key,
       case when i.xids is null then '{}'::xid8[] else array(select x::text::xid8 from unnest(i.xids) as x) end,
       '0/0'::pg_lsn + i.end_lsn, i.touched_at
from pg_temp.touched_in i
on conflict (source, kind, via, key) do update
set xids = case
        when excluded.xids = '{}' then t.xids
        when t.xids = '{}' then excluded.xids
        else array(select unnest(t.xids) union select unnest(excluded.xids))
    end,
    end_lsn = greatest(t.end_lsn, excluded.end_lsn),
    touched_at = least(t.touched_at, excluded.touched_at),
    version = t.version + 1
