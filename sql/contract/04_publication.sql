-- The publication rollcall: which tables and columns leave the server. It is
-- made from rollcall.watches; run this file again whenever those rows change,
-- best in the same transaction. Rollcall needs no restart then: it looks at
-- everything anew.
--
-- Of each table go the columns that identify a row (its replica identity) and
-- the watched keys, nothing else: no personal data. Two exceptions:
--   - Server 14 knows no column lists: whole rows go to Rollcall's own
--     connection, which drops all but the keys.
--   - A table with REPLICA IDENTITY FULL cannot have a list.
-- Tables that inherit from a watched one are published where they are watched
-- themselves.
-- A table that has no replica identity is refused: publishing it would make
-- the member application's own UPDATE fail.
--
-- To undo:  drop publication rollcall;

-- Of a capture by triggers, where there was one: the triggers go with their
-- functions.
do $do$
declare
    captured text;
begin
    if to_regclass('rollcall.log') is null then
        return;
    end if;
    for captured in
        select oid::regprocedure::text from pg_catalog.pg_proc
        where pronamespace = 'rollcall'::regnamespace
          and (prorettype = 'trigger'::regtype and proname like 'log\_%' or proname in ('log_lag', 'triggers', 'make_triggers', 'make_log_function'))
    loop
        execute format('drop function %s cascade', captured);
    end loop;
    drop table rollcall.log;
end
$do$;

do $do$
declare
    version      constant integer := current_setting('server_version_num')::integer;
    column_lists constant boolean := version >= 150000;
    watch        record;
    part         record;
    tab          regclass;
    kind         "char";
    persistence  "char";
    whole        boolean;
    id_columns   name[]; -- that identify a row, of all parts together
    missing      text;
    tables       text[] := array['rollcall.watches'];
begin
    for watch in
        select w."table", array_agg(distinct k.key) filter (where k.key is not null) as keys
        from rollcall.watches w
        left join lateral unnest(w.keys) as k (key) on true
        group by w."table"
        order by w."table"
    loop
        tab := to_regclass(format('%I.%I', split_part(watch."table", '.', 1), split_part(watch."table", '.', 2)));
        if tab is null then
            raise exception 'publish %: no such table', watch."table"
                using errcode = '42P01', hint = 'Correct or delete its rows in rollcall.watches: schema.table without quotes, in the spelling of the catalogue.';
        end if;
        select c.relkind, c.relpersistence into kind, persistence from pg_catalog.pg_class c where c.oid = tab;
        if kind not in ('r', 'p') or persistence <> 'p' then
            raise exception 'publish %: it is no table whose changes are logged', watch."table"
                using errcode = '42809',
                      hint = case when kind in ('r', 'p') then format('alter table %s set logged;', tab)
                                  else 'Watch the tables that it gets its rows from instead.' end;
        end if;

        select a.relid::regclass::text into missing
        from pg_catalog.pg_partition_ancestors(tab) a
        join pg_catalog.pg_class c on c.oid = a.relid
        join pg_catalog.pg_namespace n on n.oid = c.relnamespace
        join rollcall.watches w on w."table" = n.nspname || '.' || c.relname
        where a.relid <> tab
        limit 1;
        if missing is not null then
            raise exception 'publish %: it is a partition of %, which is watched too', watch."table", missing
                using errcode = '42809', hint = 'Delete its rows in rollcall.watches: the changes of a partition are those of its table.';
        end if;

        select string_agg(k, ', ') into missing
        from unnest(watch.keys) k
        where not exists (select from pg_catalog.pg_attribute a
                          where a.attrelid = tab and a.attname = k and a.attnum > 0 and not a.attisdropped);
        if missing is not null then
            raise exception 'publish %: it has no column %', watch."table", missing
                using errcode = '42703', hint = 'Correct its rows in rollcall.watches.';
        end if;
        select string_agg(a.attname, ', ') into missing
        from pg_catalog.pg_attribute a
        where a.attrelid = tab and a.attname = any(watch.keys) and a.attnum > 0
          and (a.attgenerated = 'v' or a.attgenerated = 's' and version < 180000);
        if missing is not null then
            raise exception 'publish %: this server does not publish generated columns: %', watch."table", missing
                using errcode = '42P10', hint = 'Watch the columns that it is generated from, with a resolve statement, or the primary key.';
        end if;

        -- A partition has an identity of its own. Updates go by that.
        whole := false;
        id_columns := '{}';
        for part in
            select c.oid::regclass as name, c.relreplident = 'f' as is_whole, i.columns
            from pg_catalog.pg_class c
            left join lateral (
                select array_agg(a.attname) as columns
                from pg_catalog.pg_index x
                join pg_catalog.pg_attribute a on a.attrelid = c.oid and a.attnum = any((x.indkey::int2[])[:x.indnkeyatts - 1])
                where x.indrelid = c.oid and x.indisvalid and x.indimmediate
                  and case c.relreplident when 'd' then x.indisprimary when 'i' then x.indisreplident else false end
            ) i on true
            where c.oid = tab or c.oid in (select p.relid from pg_catalog.pg_partition_tree(tab) p where p.isleaf)
            order by c.oid <> tab, c.oid
        loop
            if part.columns is null and not part.is_whole then
                raise exception 'publish %: it has no replica identity', part.name
                    using errcode = '55000',
                          hint = format('Give it a primary key, or: alter table %s replica identity using index (a unique index over not null columns).', part.name);
            end if;
            select string_agg(k, ', ') into missing
            from unnest(watch.keys) k
            where not part.is_whole and k <> all (part.columns);
            if missing is not null then
                raise warning 'publish %: its replica identity has no column %', part.name, missing
                    using hint = format('A DELETE, and an UPDATE that changes the column, are noticed by the full reconciliation only. To mend it: alter table %s replica identity using index (a unique index with that column).', part.name);
            end if;
            whole := whole or part.is_whole;
            id_columns := id_columns || part.columns;
        end loop;

        -- A table that inherits from it has changes, and an identity, of its own.
        tables := tables || ('only ' || tab::text || case when not column_lists or whole then '' else (
            select ' (' || string_agg(quote_ident(a.attname), ', ' order by a.attnum) || ')'
            from pg_catalog.pg_attribute a
            where a.attrelid = tab and a.attnum > 0 and not a.attisdropped
              and (a.attname = any(id_columns) or a.attname = any(watch.keys))) end);
    end loop;

    if exists (select from pg_catalog.pg_publication where pubname = 'rollcall') then
        execute 'alter publication rollcall set table ' || array_to_string(tables, ', ');
        alter publication rollcall set (publish = 'insert, update, delete, truncate', publish_via_partition_root = true);
        if current_setting('wal_level') = 'logical' then
            -- What a table changed before it was published is on no stream.
            perform pg_logical_emit_message(true, 'rollcall', '{"v":1,"ask":"touch","kind":"all","key":""}');
        end if;
    else
        execute format('create publication rollcall for table %s with (publish = %L, publish_via_partition_root = true)',
                       array_to_string(tables, ', '), 'insert, update, delete, truncate');
    end if;
    comment on publication rollcall is 'Keys of changed rows, for Rollcall. Made from rollcall.watches.';
end
$do$;
