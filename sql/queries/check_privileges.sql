-- Rights of the present role on member tables, which it needs none on, and
-- rights to change the watches.
select n.nspname || '.' || c.relname, c.oid::regclass::text, string_agg(p.privilege, ', ')
from pg_catalog.pg_class c
join pg_catalog.pg_namespace n on n.oid = c.relnamespace
cross join unnest(array['select', 'insert', 'update', 'delete', 'truncate', 'trigger']) as p (privilege)
where pg_catalog.has_table_privilege(c.oid, p.privilege)
  and (n.nspname || '.' || c.relname = any($1::text[]) or n.nspname || '.' || c.relname = 'rollcall.watches' and p.privilege <> 'select')
group by 1, 2
order by 1
