-- The role rollcall and everything it may do: log in, read the stream, read
-- the views, and keep Rollcall's state in the schema rollcall_state. It may
-- read no table but rollcall.watches, and change none but by the two functions
-- that set ticks and options, where they exist.
--
-- Needs a superuser; since server 16 also a role with CREATEROLE and
-- REPLICATION (where triggers capture changes, CREATEROLE alone). The role gets
-- no password: set one, or let pg_hba.conf or a certificate decide. Run again
-- after adding a view to the schema rollcall.
-- To undo:  see uninstall/uninstall.sql.

do $do$
declare
    -- Where triggers capture changes there is no stream to be read.
    replicates constant boolean := to_regclass('rollcall.log') is null;
begin
    if not exists (select from pg_catalog.pg_roles where rolname = 'rollcall') then
        begin
            if replicates then
                create role rollcall login replication;
            else
                create role rollcall login;
            end if;
            comment on role rollcall is 'Rollcall: keeps Constant Contact lists in step with this database.';
        exception when duplicate_object or unique_violation then
            null; -- somebody created it at the same moment, for another database
        end;
    elsif exists (select from pg_catalog.pg_roles where rolname = 'rollcall' and not (rolcanlogin and (rolreplication or not replicates))) then
        -- Hosted servers grant replication in ways of their own.
        raise warning 'the role rollcall may not log in or not replicate'
            using hint = 'alter role rollcall login replication; or what your provider offers for it.';
    end if;
    -- Most databases allow both to everybody; one that does not must allow them
    -- here. TEMPORARY is for work tables beside the state.
    execute format('grant connect, temporary on database %I to rollcall', current_database());
end
$do$;

grant usage on schema rollcall to rollcall;
grant select on all tables in schema rollcall to rollcall; -- the views and the watches

do $do$
begin
    if to_regclass('rollcall.log') is not null then
        grant select, delete on rollcall.log to rollcall;
    end if;
end
$do$;

do $do$
declare
    setter regprocedure;
begin
    -- Ticks and options alone, and where the functions for that exist. To keep
    -- the console from changing them: revoke execute on function … from rollcall;
    foreach setter in array array_remove(array[
        to_regprocedure('rollcall.set_group_sync(text, text, boolean)'),
        to_regprocedure('rollcall.set_options(text, text, boolean, boolean, boolean, text, text, text)')], null)
    loop
        execute format('grant execute on function %s to rollcall', setter);
    end loop;
end
$do$;

do $do$
declare
    -- Whoever gives a schema to a role must be a member of it at that moment.
    join_role constant boolean := not pg_has_role(current_user, 'rollcall', 'usage');
begin
    if to_regnamespace('rollcall_state') is not null then
        return;
    end if;
    if join_role then
        grant rollcall to current_user;
    end if;
    create schema rollcall_state authorization rollcall;
    comment on schema rollcall_state is 'State of Rollcall: what it told Constant Contact and what it saw there. Owned by its role.';
    if join_role then
        revoke rollcall from current_user;
    end if;
end
$do$;
