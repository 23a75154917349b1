-- The publication rollcall: which tables and columns leave the server. It is
-- made from rollcall.watches; run this file again whenever those rows change.
--
-- Of each table go the columns that identify a row (its replica identity) and
-- the watched keys, nothing else: no personal data. Two exceptions:
--   - Server 14 knows no column lists: whole rows go to Rollcall's own
--     connection, which drops all but the keys.
--   - A table with REPLICA IDENTITY FULL cannot have a list.
-- A table that has no replica identity is refused: publishing it would make
-- the member application's own UPDATE fail.
--
-- To undo:  drop publication rollcall;

do $do$
declare
    column_lists constant boolean := current_setting('server_version_num')::integer >= 150000;
    watch        record;
    tab          regclass;
    identity     "char";
    id_columns   name[];
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
                using errcode = '42P01', hint = 'Correct or delete its rows in rollcall.watches.';
        end if;

        select string_agg(k, ', ') into missing
        from unnest(watch.keys) k
        where not exists (select from pg_catalog.pg_attribute a
                          where a.attrelid = tab and a.attname = k and a.attnum > 0 and not a.attisdropped);
        if missing is not null then
            raise exception 'publish %: it has no column %', watch."table", missing
                using errcode = '42703', hint = 'Correct its rows in rollcall.watches.';
        end if;

        select c.relreplident into identity from pg_catalog.pg_class c where c.oid = tab;
        select array_agg(a.attname) into id_columns
        from pg_catalog.pg_index i
        join pg_catalog.pg_attribute a on a.attrelid = tab and a.attnum = any(i.indkey)
        where i.indrelid = tab
          and case identity when 'd' then i.indisprimary when 'i' then i.indisreplident else false end;
        if id_columns is null and identity <> 'f' then
            raise exception 'publish %: it has no replica identity', watch."table"
                using errcode = '55000',
                      hint = format('Give it a primary key, or: alter table %s replica identity using index (a unique index over not null columns).', tab);
        end if;

        select string_agg(k, ', ') into missing
        from unnest(watch.keys) k
        where identity <> 'f' and k <> all (id_columns);
        if missing is not null then
            raise warning 'publish %: its replica identity has no column %', watch."table", missing
                using hint = format('A DELETE, and an UPDATE that changes the column, are noticed by the full reconciliation only. To mend it: alter table %s replica identity using index (a unique index with that column).', tab);
        end if;

        tables := tables || (tab::text || case when not column_lists or identity = 'f' then '' else (
            select ' (' || string_agg(quote_ident(a.attname), ', ' order by a.attnum) || ')'
            from pg_catalog.pg_attribute a
            where a.attrelid = tab and a.attnum > 0 and not a.attisdropped
              and (a.attname = any(id_columns) or a.attname = any(watch.keys))) end);
    end loop;

    if exists (select from pg_catalog.pg_publication where pubname = 'rollcall') then
        execute 'alter publication rollcall set table ' || array_to_string(tables, ', ');
        alter publication rollcall set (publish = 'insert, update, delete, truncate', publish_via_partition_root = true);
    else
        execute format('create publication rollcall for table %s with (publish = %L, publish_via_partition_root = true)',
                       array_to_string(tables, ', '), 'insert, update, delete, truncate');
    end if;
    comment on publication rollcall is 'Keys of changed rows, for Rollcall. Made from rollcall.watches.';
end
$do$;
