-- What the catalogue says of tables that are named as schema.table.
select n.nspname || '.' || c.relname, c.oid::regclass::text, c.relkind::text, c.relpersistence::text,
       c.relrowsecurity, c.relforcerowsecurity, c.relowner, c.reltuples::float8,
       coalesce(a.columns, '{}'), coalesce(a.not_null, '{}'), coalesce(a.generated, '{}'), coalesce(a.odd, '{}'),
       coalesce((select rn.nspname || '.' || rc.relname
                 from pg_catalog.pg_class rc join pg_catalog.pg_namespace rn on rn.oid = rc.relnamespace
                 where rc.oid = pg_catalog.pg_partition_root(c.oid) and rc.oid <> c.oid), '')
from pg_catalog.pg_class c
join pg_catalog.pg_namespace n on n.oid = c.relnamespace
left join lateral (
    select array_agg(att.attname::text order by att.attnum) as columns,
           array_agg(att.attname::text) filter (where att.attnotnull) as not_null,
           array_agg(att.attname::text) filter (where att.attgenerated = 'v' or att.attgenerated = 's'
                                                and current_setting('server_version_num')::integer < 180000) as generated,
           array_agg(att.attname::text) filter (where not co.collisdeterministic or ty.typname = 'citext') as odd
    from pg_catalog.pg_attribute att
    join pg_catalog.pg_type ty on ty.oid = att.atttypid
    left join pg_catalog.pg_collation co on co.oid = att.attcollation
    where att.attrelid = c.oid and att.attnum > 0 and not att.attisdropped
) a on true
where n.nspname || '.' || c.relname = any($1::text[]) and c.relkind in ('r', 'p', 'v', 'm', 'f')
