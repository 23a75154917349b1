-- Capture by triggers, for a server where logical replication cannot be had: in
-- place of 04_publication.sql. Set source.capture: triggers in the configuration.
--
-- Triggers append the watched keys of changed rows to the table rollcall.log, in
-- the transaction that changes them; Rollcall moves them into its state and
-- deletes them here. Nobody waits for anybody: the log has no unique key and no
-- check, and whatever cannot be told of a change says that everything changed.
--
-- The triggers are made from rollcall.watches by rollcall.make_triggers(). Run
-- this file, or that function, again whenever those rows change (best in the same
-- transaction), after a partition was added, and after a table was subscribed to.
-- Making a trigger waits for the transactions that write to its table.
--
-- To undo:  drop schema rollcall cascade;  -- with uninstall/uninstall.sql
-- Never drop the table rollcall.log alone: the application's writes would fail.

drop publication if exists rollcall;

create table if not exists rollcall.log (
    -- No sequence: lastval() in the application's session would be ours.
    id        uuid default gen_random_uuid(),
    xid       xid8 default pg_current_xact_id(),
    at        timestamptz default clock_timestamp(),
    "table"   text,
    columns   text[],
    keys      text[],
    truncated boolean,
    request   text
) with (
    -- A vacuum that truncates would keep writers waiting. Rows live for a second,
    -- so it runs often.
    vacuum_truncate = false, toast.vacuum_truncate = false,
    autovacuum_vacuum_scale_factor = 0, autovacuum_vacuum_threshold = 5000,
    autovacuum_vacuum_insert_scale_factor = 0, autovacuum_vacuum_insert_threshold = 50000
);
create index if not exists log_xid on rollcall.log (xid);
revoke all on rollcall.log from public;

comment on table rollcall.log is 'Keys of changed rows, for Rollcall, which deletes them once it has them. Triggers on the member tables write it: never drop it alone.';
comment on column rollcall.log."table" is 'The watched table as schema.table, also for a change of its partition; empty for a request.';
comment on column rollcall.log.columns is 'The watched columns. Empty: nobody knows what changed, so it is everything.';
comment on column rollcall.log.keys is 'Their values in the changed rows before and after, each once: an array of arrays in the order of columns.';
comment on column rollcall.log.request is 'What rollcall.sync_now or rollcall.touch asks for.';

-- How far behind Rollcall is. The body also ties the function to the table, so
-- that this is not dropped without a word.
create or replace function rollcall.log_lag(out oldest timestamptz, out bytes bigint)
language sql stable
begin atomic
    select (select l.at from rollcall.log l order by l.xid limit 1), pg_catalog.pg_total_relation_size('rollcall.log'::regclass);
end;
comment on function rollcall.log_lag() is 'When the oldest row of rollcall.log was written, and how large the log is.';

-- The triggers that there must be, one for each event on each watched table and
-- each of its partitions, and how they are. A statement aimed at a partition does
-- not fire those of the table, nor the other way round. Under a subscription only
-- row-level triggers fire; those go by row, and on a partitioned table they are
-- handed down to the partitions.
create or replace function rollcall.triggers()
returns table (watched text, root regclass, part regclass, event text, by_row boolean, function text, columns text, state text)
language sql volatile set search_path = pg_catalog, pg_temp
as $f$
    with watched as (
        select t.name, t.rel, 'log_' || substr(md5(t.name), 1, 16) as function,
               coalesce((select array_agg(distinct k.key order by k.key) from rollcall.watches w cross join unnest(w.keys) as k (key) where w."table" = t.name), '{}')::text as columns
        from (
            -- By name, not by to_regclass: that wants rights on the schema.
            select n.nspname || '.' || c.relname, c.oid::regclass
            from pg_namespace n
            join pg_class c on c.relnamespace = n.oid
            where n.nspname || '.' || c.relname in (select "table" from rollcall.watches union all select 'rollcall.watches')
        ) t (name, rel)
        join pg_class c on c.oid = t.rel and c.relkind in ('r', 'p')
        where not exists (select from pg_partition_ancestors(t.rel) a join pg_class p on p.oid = a.relid join pg_namespace n on n.oid = p.relnamespace
                          join rollcall.watches w on w."table" = n.nspname || '.' || p.relname where a.relid <> t.rel)
    ), parts as (
        select w.*, p.rel as part
        from watched w
        cross join lateral (select w.rel union select relid from pg_partition_tree(w.rel)) p (rel)
    ), wanted as (
        select p.*, e.event,
               e.event <> 'truncate' and exists (
                   select from pg_subscription_rel s
                   where s.srrelid in (select q.part from parts q where q.rel = p.rel union select relid from pg_partition_ancestors(p.rel))) as by_row
        from parts p
        cross join (values ('insert'), ('update'), ('delete'), ('truncate')) e (event)
    )
    select w.name, w.rel, w.part, w.event, w.by_row, w.function, w.columns,
           case when t.oid is null then 'missing'
                when f.proname <> w.function or f.pronamespace <> 'rollcall'::regnamespace or ((t.tgtype & 1) = 1) <> w.by_row then 'wrong'
                when t.tgenabled <> 'A' then 'disabled'
                when obj_description(f.oid, 'pg_proc') is distinct from w.columns then 'outdated'
                else 'ok' end
    from wanted w
    left join pg_trigger t on t.tgrelid = w.part and t.tgname = 'rollcall_' || w.event
    left join pg_proc f on f.oid = t.tgfoid
    order by w.name, w.part <> w.rel, w.part, w.event
$f$;
comment on function rollcall.triggers() is 'The triggers that capture changes of the watched tables, and how each is: ok, missing, disabled, wrong or outdated.';

-- The function that a watched table's triggers call. What it cannot find out, for
-- instance because a column was dropped, it writes as "everything": the
-- application's statement succeeds.
create or replace function rollcall.make_log_function(watched text, root regclass, function text, columns text[])
returns void
language plpgsql set search_path = pg_catalog, pg_temp
as $make$
declare
    -- Of the row \x01, as the types' own output functions write it, but char(n)
    -- without its padding, as the views show it. Under another
    -- collation different values might be equal.
    key   text;
    plain boolean; -- no session setting changes what is written
begin
    select coalesce(string_agg(e.text, ', ' order by k.n), $$''$$),
           coalesce(bool_and(a.atttypid = any('{int2,int4,int8,numeric,uuid,text,varchar,bpchar,bool,name}'::regtype[])), true)
    into key, plain
    from unnest(columns) with ordinality as k (name, n)
    join pg_attribute a on a.attrelid = root and a.attname = k.name
    cross join lateral (
        select case when a.atttypid = any('{int2,int4,int8,numeric,uuid,text,varchar,bpchar}'::regtype[]) then format(E'\x01.%I::text collate "C"', k.name)
                    else format(E'case when \x01.%1$I is not null then format(''%%s'', \x01.%1$I) end collate "C"', k.name) end
    ) e (text);
    execute format($format$
create or replace function rollcall.%1$I()
returns trigger
language plpgsql security definer set search_path = pg_catalog, pg_temp %8$s
as $body$
declare
    found_keys text[];
    unknown    boolean := false;
begin
    if tg_op = 'TRUNCATE' then
        insert into rollcall.log ("table", truncated) values (%2$L, true);
        return null;
    end if;
    -- Nothing is written in here, so that it costs no transaction id.
    begin
        if tg_level = 'ROW' then
            if tg_op <> 'INSERT' then
                found_keys := array[array[%4$s]::text[]];
            end if;
            if tg_op <> 'DELETE' then
                found_keys := found_keys || array[array[%5$s]::text[]];
            end if;
        elsif tg_op = 'INSERT' then
            select array_agg(k) into found_keys from (select distinct array[%7$s]::text[] from new_rows n limit 50001) x (k);
        elsif tg_op = 'DELETE' then
            select array_agg(k) into found_keys from (select distinct array[%6$s]::text[] from old_rows o limit 50001) x (k);
        else
            select array_agg(k) into found_keys
            from (select array[%6$s]::text[] from old_rows o union select array[%7$s]::text[] from new_rows n limit 50001) x (k);
        end if;
    exception when others then
        unknown := true;
    end;
    if unknown or array_length(found_keys, 1) > 50000 then
        insert into rollcall.log ("table") values (%2$L);
    elsif found_keys is not null then
        insert into rollcall.log ("table", columns, keys) values (%2$L, %3$L, found_keys);
    end if;
    return null;
end
$body$
$format$, function, watched, columns,
        replace(key, E'\x01', 'old'), replace(key, E'\x01', 'new'), replace(key, E'\x01', 'o'), replace(key, E'\x01', 'n'),
        case when not plain then 'set datestyle = ''ISO, MDY'' set timezone = ''UTC'' set intervalstyle = ''postgres'' set extra_float_digits = 1 set bytea_output = ''hex''' end);
    execute format('revoke all on function rollcall.%I() from public', function);
    execute format('comment on function rollcall.%I() is %L', function, columns);
end
$make$;

-- Makes the triggers from rollcall.watches, and drops those that are not wanted
-- any more. What is as it should be is not touched, so no lock is taken for it.
-- Returns how many triggers it made.
create or replace function rollcall.make_triggers()
returns integer
language plpgsql set search_path = pg_catalog, pg_temp
as $make$
declare
    version constant integer := current_setting('server_version_num')::integer;
    item    record;
    missing text;
    made    integer := 0;
begin
    for item in
        select w."table", c.oid as rel, c.relkind, c.relpersistence, array_agg(distinct k.key) filter (where k.key is not null) as keys
        from rollcall.watches w
        left join unnest(w.keys) as k (key) on true
        left join pg_class c on c.oid = to_regclass(format('%I.%I', split_part(w."table", '.', 1), split_part(w."table", '.', 2)))
        group by 1, 2, 3, 4
        order by 1
    loop
        if item.rel is null then
            raise exception 'capture %: no such table', item."table"
                using errcode = '42P01', hint = 'Correct or delete its rows in rollcall.watches: schema.table without quotes, in the spelling of the catalogue.';
        elsif item.relkind not in ('r', 'p') or item.relpersistence <> 'p' then
            raise exception 'capture %: it is no table whose changes are logged', item."table"
                using errcode = '42809',
                      hint = case when item.relkind in ('r', 'p') then format('alter table %s set logged;', item.rel::regclass)
                                  else 'Watch the tables that it gets its rows from instead.' end;
        end if;
        select a.relid::regclass::text into missing
        from pg_partition_ancestors(item.rel) a
        join pg_class c on c.oid = a.relid
        join pg_namespace n on n.oid = c.relnamespace
        join rollcall.watches w on w."table" = n.nspname || '.' || c.relname
        where a.relid <> item.rel
        limit 1;
        if missing is not null then
            raise exception 'capture %: it is a partition of %, which is watched too', item."table", missing
                using errcode = '42809', hint = 'Delete its rows in rollcall.watches: the changes of a partition are those of its table.';
        end if;
        select string_agg(k, ', ') into missing
        from unnest(item.keys) k
        where not exists (select from pg_attribute a where a.attrelid = item.rel and a.attname = k and a.attnum > 0 and not a.attisdropped);
        if missing is not null then
            raise exception 'capture %: it has no column %', item."table", missing
                using errcode = '42703', hint = 'Correct its rows in rollcall.watches.';
        end if;
        select string_agg(a.attname, ', ') into missing
        from pg_attribute a
        where a.attrelid = item.rel and a.attname = any(item.keys) and a.attnum > 0 and a.attgenerated = 'v';
        if missing is not null then
            raise exception 'capture %: a trigger does not see virtual generated columns: %', item."table", missing
                using errcode = '42P10', hint = 'Watch the columns that it is generated from, with a resolve statement, or the primary key.';
        end if;
    end loop;

    for item in
        select distinct t.watched, t.root, t.function, t.columns
        from rollcall.triggers() t
        left join pg_proc f on f.proname = t.function and f.pronamespace = 'rollcall'::regnamespace
        where f.oid is null or t.state = 'outdated' or obj_description(f.oid, 'pg_proc') is distinct from t.columns
    loop
        perform rollcall.make_log_function(item.watched, item.root, item.function, item.columns::text[]);
    end loop;

    for item in -- those that a partition got from its table go with that one's
        select t.tgname, t.tgrelid::regclass as part
        from pg_trigger t
        join pg_proc f on f.oid = t.tgfoid and f.pronamespace = 'rollcall'::regnamespace and f.proname like 'log\_%'
        where t.tgparentid = 0
          and not exists (select from rollcall.triggers() x where x.part = t.tgrelid and 'rollcall_' || x.event = t.tgname and x.state <> 'wrong')
    loop
        execute format('drop trigger %I on %s', item.tgname, item.part);
    end loop;

    for item in select * from rollcall.triggers() where state in ('missing', 'disabled')
    loop
        if exists (select from pg_trigger t where t.tgrelid = item.part and t.tgname = 'rollcall_' || item.event and t.tgenabled = 'A') then
            continue; -- it came from the partitioned table just now
        end if;
        if item.state = 'missing' and not exists (select from pg_trigger t where t.tgrelid = item.part and t.tgname = 'rollcall_' || item.event) then
            execute format('create trigger %I after %s on %s %s for each %s execute function rollcall.%I()',
                'rollcall_' || item.event, item.event, item.part,
                case when item.by_row then ''
                     else case item.event when 'insert' then 'referencing new table as new_rows'
                                          when 'update' then 'referencing old table as old_rows new table as new_rows'
                                          when 'delete' then 'referencing old table as old_rows' else '' end end,
                case when item.by_row then 'row' else 'statement' end, item.function);
        end if;
        -- Also where a session says that it replays changes of another server.
        execute format('alter table %s enable always trigger %I', item.part, 'rollcall_' || item.event);
        made := made + 1;
    end loop;

    for item in
        select f.oid::regprocedure as function
        from pg_proc f
        where f.pronamespace = 'rollcall'::regnamespace and f.prorettype = 'trigger'::regtype and f.proname like 'log\_%'
          and not exists (select from rollcall.triggers() x where x.function = f.proname)
    loop
        execute format('drop function %s', item.function);
    end loop;

    if made > 0 then
        -- What changed before there was a trigger is in no log.
        insert into rollcall.log (request) values ('{"v":1,"ask":"touch","kind":"all","key":""}');
    end if;
    return made;
end
$make$;
comment on function rollcall.make_triggers() is 'Makes the triggers that capture changes of the watched tables, as the owner of those. May be run at any time; returns how many it made.';

revoke execute on function rollcall.make_triggers(), rollcall.make_log_function(text, regclass, text, text[]) from public;

select rollcall.make_triggers();
