-- The views of the contract, and those that they read in any schema, as they are
-- written.
with recursive walk (oid) as (
    select c.oid
    from pg_catalog.pg_class c
    where c.relnamespace = (select oid from pg_catalog.pg_namespace where nspname = 'rollcall') and c.relkind = 'v'
    union
    select c.oid
    from walk w
    join pg_catalog.pg_rewrite r on r.ev_class = w.oid
    join pg_catalog.pg_depend d on d.classid = 'pg_rewrite'::regclass and d.objid = r.oid and d.refclassid = 'pg_class'::regclass
    join pg_catalog.pg_class c on c.oid = d.refobjid and c.relkind = 'v'
    join pg_catalog.pg_namespace n on n.oid = c.relnamespace and n.nspname not in ('pg_catalog', 'information_schema')
)
select c.oid::regclass::text, pg_catalog.pg_get_viewdef(c.oid),
       coalesce(lower(o.options ->> 'security_barrier') in ('true', 'on', '1', 'yes'), false),
       coalesce(lower(o.options ->> 'security_invoker') in ('true', 'on', '1', 'yes'), false)
from walk w
join pg_catalog.pg_class c on c.oid = w.oid
left join lateral (
    select jsonb_object_agg(split_part(x, '=', 1), split_part(x, '=', 2)) as options from unnest(c.reloptions) x
) o on true
order by 1
