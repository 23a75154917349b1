-- The tables of a publication, as they appear on its stream. Server 14 has
-- neither column lists nor filters: there all columns go.
select t.schemaname || '.' || t.tablename,
       coalesce(array(select jsonb_array_elements_text(nullif(pg_catalog.to_jsonb(t) -> 'attnames', 'null'::jsonb))), '{}'),
       coalesce(pg_catalog.to_jsonb(t) ->> 'rowfilter', '') <> ''
from pg_catalog.pg_publication_tables t
where t.pubname = $1
order by 1
