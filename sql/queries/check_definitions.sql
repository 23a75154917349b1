-- The views of the contract, and views of the same schema that help them, as
-- they are written.
select c.relname::text, pg_catalog.pg_get_viewdef(c.oid),
       coalesce(lower(o.options ->> 'security_barrier') in ('true', 'on', '1', 'yes'), false),
       coalesce(lower(o.options ->> 'security_invoker') in ('true', 'on', '1', 'yes'), false)
from pg_catalog.pg_class c
left join lateral (
    select jsonb_object_agg(split_part(x, '=', 1), split_part(x, '=', 2)) as options from unnest(c.reloptions) x
) o on true
where c.relnamespace = (select oid from pg_catalog.pg_namespace where nspname = 'rollcall') and c.relkind = 'v'
order by 1
