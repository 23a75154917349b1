-- What the views of the contract read, through other views and functions: the
-- tables, and the functions of which the catalogue does not say what they read.
with recursive walk (view, class, object) as (
    select c.oid, 'pg_class'::regclass::oid, c.oid
    from pg_catalog.pg_class c
    where c.relnamespace = (select oid from pg_catalog.pg_namespace where nspname = 'rollcall') and c.relkind = 'v'
    union
    select w.view, n.class, n.object
    from walk w
    cross join lateral (
        -- A view's rule. A materialized view is where the walk ends.
        select d.refclassid, d.refobjid
        from pg_catalog.pg_class c
        join pg_catalog.pg_rewrite r on r.ev_class = c.oid
        join pg_catalog.pg_depend d on d.classid = 'pg_rewrite'::regclass and d.objid = r.oid
        where w.class = 'pg_class'::regclass and c.oid = w.object and c.relkind = 'v'
        union all
        select d.refclassid, d.refobjid
        from pg_catalog.pg_depend d
        where w.class in ('pg_proc'::regclass, 'pg_operator'::regclass) and d.classid = w.class and d.objid = w.object
        union all
        -- A table's rows include those of tables that inherit from it.
        select 'pg_class'::regclass, i.inhrelid
        from pg_catalog.pg_inherits i
        join pg_catalog.pg_class c on c.oid = i.inhparent and c.relkind = 'r'
        where w.class = 'pg_class'::regclass and i.inhparent = w.object
    ) n (class, object)
    where n.class in ('pg_class'::regclass, 'pg_proc'::regclass, 'pg_operator'::regclass)
)
select distinct v.relname::text, 'table', n.nspname || '.' || c.relname, c.oid::regclass::text, c.relkind::text, '', ''
from walk w
join pg_catalog.pg_class v on v.oid = w.view
join pg_catalog.pg_class c on w.class = 'pg_class'::regclass and c.oid = w.object and c.relkind in ('r', 'p', 'm', 'f')
join pg_catalog.pg_namespace n on n.oid = c.relnamespace and n.nspname not in ('pg_catalog', 'information_schema')
where c.oid <> v.oid
union
select distinct v.relname::text, 'function', p.oid::regprocedure::text, p.oid::regprocedure::text, '', l.lanname::text,
       -- One in C has no text; rows that come of a text are those of a query, as of dblink.
       case when l.lanname in ('c', 'internal') then case when p.proretset and 'text'::regtype = any(p.proargtypes) then 'query' else '' end
            when p.prosqlbody is null then coalesce(p.prosrc, '') else '' end
from walk w
join pg_catalog.pg_class v on v.oid = w.view
join pg_catalog.pg_proc p on w.class = 'pg_proc'::regclass and p.oid = w.object
join pg_catalog.pg_namespace n on n.oid = p.pronamespace and n.nspname not in ('pg_catalog', 'information_schema')
join pg_catalog.pg_language l on l.oid = p.prolang
order by 1, 2, 3
