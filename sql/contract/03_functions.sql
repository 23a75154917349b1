-- Two functions by which an application asks Rollcall for something. Each
-- writes a message into the write-ahead log, or where triggers capture changes a
-- row into rollcall.log, within the caller's transaction: a rollback takes it
-- back. They only ask; Rollcall's guards apply.
--
-- Nobody but the owner may call them at first. For an application's role:
--     grant usage on schema rollcall to app;
--     grant execute on function rollcall.sync_now(text, text), rollcall.touch(text, text) to app;
-- To undo:  drop function rollcall.sync_now(text, text), rollcall.touch(text, text);

create or replace function rollcall.sync_now(group_ref text, association text default null)
returns void
language plpgsql security definer set search_path = pg_catalog, pg_temp
as $$
declare
    content text;
begin
    if coalesce(btrim(group_ref), '') = '' then
        raise exception 'sync_now: group_ref is empty'
            using errcode = '22023', hint = 'Give the id or the name of a group.';
    end if;
    if btrim(association) = '' then
        raise exception 'sync_now: association is blank'
            using errcode = '22023', hint = 'Leave it out when the group is the only one so called.';
    end if;
    if to_regclass('rollcall.log') is null and current_setting('wal_level') <> 'logical' then
        raise exception 'sync_now: wal_level is %, so nobody would read the message', current_setting('wal_level')
            using errcode = '55000', hint = 'Set wal_level = logical and restart the server.';
    end if;
    content := format('{"v":1,"ask":"sync_now","group":%s,"association":%s}',
                      to_json(group_ref), coalesce(to_json(association)::text, 'null'));
    if octet_length(content) > 1024 then
        raise exception 'sync_now: the message has % bytes, 1024 are allowed', octet_length(content)
            using errcode = '22001';
    end if;
    if to_regclass('rollcall.log') is not null then
        insert into rollcall.log (request) values (content);
        return;
    end if;
    perform pg_logical_emit_message(true, 'rollcall', content);
end
$$;
comment on function rollcall.sync_now(text, text) is 'Asks Rollcall to bring the list of one group in step now. group_ref: its id or name; association: needed when several have such a group.';

create or replace function rollcall.touch(kind text, key text)
returns void
language plpgsql security definer set search_path = pg_catalog, pg_temp
as $$
declare
    content text;
begin
    if kind is null or kind not in ('rep', 'member', 'group', 'association', 'all') then
        raise exception 'touch: unknown kind %', coalesce(quote_literal(kind), 'null')
            using errcode = '22023', hint = 'Use rep, member, group, association or all.';
    end if;
    if (kind = 'all') <> (coalesce(btrim(key), '') = '') then
        raise exception 'touch: % key for the kind %', case when kind = 'all' then 'a' else 'no' end, kind
            using errcode = '22023', hint = 'Give the id as it stands in the views; all takes null.';
    end if;
    if to_regclass('rollcall.log') is null and current_setting('wal_level') <> 'logical' then
        raise exception 'touch: wal_level is %, so nobody would read the message', current_setting('wal_level')
            using errcode = '55000', hint = 'Set wal_level = logical and restart the server.';
    end if;
    content := format('{"v":1,"ask":"touch","kind":"%s","key":%s}', kind, to_json(coalesce(key, '')));
    if octet_length(content) > 1024 then
        raise exception 'touch: the message has % bytes, 1024 are allowed', octet_length(content)
            using errcode = '22001';
    end if;
    if to_regclass('rollcall.log') is not null then
        insert into rollcall.log (request) values (content);
        return;
    end if;
    perform pg_logical_emit_message(true, 'rollcall', content);
end
$$;
comment on function rollcall.touch(text, text) is 'Asks Rollcall to look at one row again, as if it had changed. kind: rep, member, group, association, or all with a null key. There is no kind address: addresses do not go into the log.';

revoke execute on function rollcall.sync_now(text, text), rollcall.touch(text, text) from public;
