-- The tables of a publication, as they appear on its stream. Server 14 has
-- neither column lists nor filters: there all columns go.
select t.schemaname || '.' || t.tablename,
       coalesce(array(select jsonb_array_elements_text(nullif(pg_catalog.to_jsonb(t) -> 'attnames', 'null'::jsonb))), '{}'),
       coalesce(pg_catalog.to_jsonb(t) ->> 'rowfilter', '') <> '',
       exists (select from pg_catalog.pg_publication_rel r
               join pg_catalog.pg_publication p on p.oid = r.prpubid and p.pubname = t.pubname
               join pg_catalog.pg_class c on c.oid = r.prrelid and c.relname = t.tablename
               join pg_catalog.pg_namespace n on n.oid = c.relnamespace and n.nspname = t.schemaname
               where pg_catalog.to_jsonb(r) ->> 'prattrs' is not null) -- a list of all columns is one too
from pg_catalog.pg_publication_tables t
where t.pubname = $1
order by 1
