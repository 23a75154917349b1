-- Removes what the folder contract put into this database, and Rollcall's
-- state: who left a list, and who opted out, is forgotten. Member tables stay
-- as they are.
--
-- Stop Rollcall first, and drop its replication slot; a slot that nobody reads
-- keeps the write-ahead log until the disk is full:
--     select pg_drop_replication_slot(slot_name) from pg_replication_slots
--     where database = current_database() and slot_name like 'rollcall%';
-- Then:  psql -v ON_ERROR_STOP=1 -1 -f uninstall.sql
-- The role stays while another database of the server uses it.

do $do$
declare
    slots text;
begin
    select string_agg(slot_name, ', ') into slots
    from pg_catalog.pg_replication_slots
    where database = current_database() and slot_name like 'rollcall%';
    if slots is not null then
        raise exception 'uninstall rollcall: the replication slot % still exists', slots
            using errcode = '55006', hint = 'Stop Rollcall and drop the slot; the statement is at the top of this file.';
    end if;
end
$do$;

drop publication if exists rollcall;
drop schema if exists rollcall cascade;

do $do$
declare
    join_role boolean; -- only a member may drop what the role owns
begin
    if not exists (select from pg_catalog.pg_roles where rolname = 'rollcall') then
        drop schema if exists rollcall_state cascade;
        return;
    end if;
    join_role := not pg_has_role(current_user, 'rollcall', 'usage');
    if join_role then
        grant rollcall to current_user;
    end if;
    drop schema if exists rollcall_state cascade;
    drop owned by rollcall; -- its privileges in this database
    begin
        drop role rollcall;
    exception when dependent_objects_still_exist then
        raise notice 'the role rollcall stays: another database uses it';
        if join_role then
            revoke rollcall from current_user;
        end if;
    end;
end
$do$;
