-- What identifies a row of each table, and of each partition by itself.
select x.name, p.oid::regclass::text, pn.nspname || '.' || p.relname, p.relkind::text, p.relreplident = 'f', coalesce(i.columns, '{}')
from (
    select n.nspname || '.' || c.relname as name, c.oid
    from pg_catalog.pg_class c
    join pg_catalog.pg_namespace n on n.oid = c.relnamespace
    where n.nspname || '.' || c.relname = any($1::text[]) and c.relkind in ('r', 'p')
) x
join pg_catalog.pg_class p on p.oid = x.oid or p.oid in (select t.relid from pg_catalog.pg_partition_tree(x.oid) t where t.isleaf)
join pg_catalog.pg_namespace pn on pn.oid = p.relnamespace
left join lateral (
    select array_agg(a.attname::text order by a.attnum) as columns
    from pg_catalog.pg_index d
    join pg_catalog.pg_attribute a on a.attrelid = p.oid and a.attnum = any((d.indkey::int2[])[:d.indnkeyatts - 1])
    where d.indrelid = p.oid and d.indisvalid and d.indimmediate
      and case p.relreplident when 'd' then d.indisprimary when 'i' then d.indisreplident else false end
) i on true
order by x.name, p.oid <> x.oid, 3
