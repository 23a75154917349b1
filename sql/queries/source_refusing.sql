-- Published tables whose rows the server cannot identify by what is published, so
-- that it refuses the application's own UPDATE and DELETE, and with which SQLSTATE.
-- A partitioned table has no rows: its partitions say what identifies them.
with published as (
    select c.oid, c.relkind, to_jsonb(r) ->> 'prattrs' is not null as listed, -- column lists came with version 15
           (select to_jsonb(t) -> 'attnames' from pg_catalog.pg_publication_tables t
            where t.pubname = p.pubname and t.schemaname = n.nspname and t.tablename = c.relname) as columns
    from pg_catalog.pg_publication p
    join pg_catalog.pg_publication_rel r on r.prpubid = p.oid
    join pg_catalog.pg_class c on c.oid = r.prrelid
    join pg_catalog.pg_namespace n on n.oid = c.relnamespace
    where p.pubname = $1 and (p.pubupdate or p.pubdelete)
), part as (
    select oid as published, listed, columns, oid from published where relkind = 'r'
    union all
    select p.oid, p.listed, p.columns, t.relid from published p, pg_catalog.pg_partition_tree(p.oid) t where p.relkind = 'p' and t.isleaf
), identified as (
    select p.*, c.relreplident, (
        select array_agg(a.attname::text)
        from pg_catalog.pg_index i
        join pg_catalog.pg_attribute a on a.attrelid = i.indrelid and a.attnum = any((i.indkey::int2[])[:i.indnkeyatts - 1]) -- without INCLUDE
        where i.indrelid = p.oid and i.indisvalid and i.indimmediate
          and (c.relreplident = 'd' and i.indisprimary or c.relreplident = 'i' and i.indisreplident)
    ) as identity
    from part p join pg_catalog.pg_class c on c.oid = p.oid
)
select published::regclass::text, oid::regclass::text,
       case when relreplident <> 'f' and identity is null then '55000' else '42P10' end
from identified
where case relreplident when 'f' then listed else identity is null or listed and not columns @> to_jsonb(identity) end
order by 1, 2
