-- The file of each partition that has rows of its own, and whether it is empty.
select t.relid::oid::text || '/' || coalesce(pg_catalog.pg_relation_filenode(t.relid), 0)::text,
       coalesce(pg_catalog.pg_relation_size(t.relid), 0) = 0
from pg_catalog.pg_class c
join pg_catalog.pg_namespace n on n.oid = c.relnamespace
cross join pg_catalog.pg_partition_tree(c.oid) t
where c.relkind = 'p' and n.nspname || '.' || c.relname = any($1) and t.isleaf
