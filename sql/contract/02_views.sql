-- The views that Rollcall reads, over the example schema chamber, and what to
-- watch for them.
--
-- For another member schema write views with these names and columns. Ids may
-- have any type, the same in every view. Do not cast a column that Rollcall
-- looks up by (association_id, rep_id, member_id, group_id, email): a cast
-- hides it from its index. For the same reason no view is a security barrier.
-- The views read the tables with the rights of their owner; the role rollcall
-- needs none on the tables.
--
-- Two functions let the web console change ticks and options where they are kept.
-- They are optional: without them, and for a role that may not call them, the
-- console shows both and changes nothing. Ids come as text.
--
-- To undo:  drop function rollcall.set_group_sync(text, text, boolean),
--           rollcall.set_options(text, text, boolean, boolean, boolean, text, text, text);
--           drop view rollcall.reps, rollcall.groups, rollcall.group_members,
--           rollcall.options, rollcall.membership_types, rollcall.opt_outs,
--           rollcall.opt_out_addresses;
--           delete from rollcall.watches;

create or replace view rollcall.reps as
select r.association_id,
       r.rep_id,
       r.member_id,
       r.email,
       r.first_name,
       r.last_name,
       m.name as company,
       r.job_title,
       r.phone,
       r.street,
       r.city,
       r.state,
       r.zip,
       r.country,
       r.active,
       m.status as member_status,
       array(select t.name
             from chamber.member_type mt
             join chamber.membership_type t on t.membership_type_id = mt.membership_type_id
             where mt.member_id = r.member_id
             order by t.name) as membership_types,
       r.opted_out
from chamber.rep r
left join chamber.member m on m.member_id = r.member_id;
comment on view rollcall.reps is 'One row for each person. A further boolean column mailable may say who agreed to be mailed at all.';

create or replace view rollcall.groups as
select association_id, group_id, name, sync
from chamber.rep_group;
comment on view rollcall.groups is 'One row for each group.';

create or replace view rollcall.group_members as
select association_id, group_id, rep_id, disabled
from chamber.group_membership;
comment on view rollcall.group_members is 'One row for each rep in a group.';

create or replace view rollcall.options as
select association_id,
       newsletter_solution,
       sync_all_active,
       sync_membership_types,
       sync_groups,
       to_char(window_start, 'HH24:MI') as window_start,
       to_char(window_end, 'HH24:MI') as window_end,
       time_zone
from chamber.sync_options;
comment on view rollcall.options is 'One row for each association that wants anything.';

create or replace view rollcall.membership_types as
select association_id, membership_type_id as type_id, name
from chamber.membership_type;
comment on view rollcall.membership_types is 'Optional: with it a renamed membership type keeps its list.';

create or replace view rollcall.opt_outs as
select association_id, email, group_id
from chamber.opt_out
where withdrawn_at is null;
comment on view rollcall.opt_outs is 'Optional: opt-outs kept by address. Without a group: from all mail.';

create or replace view rollcall.opt_out_addresses as
select opt_out_id, association_id, email
from chamber.opt_out;
comment on view rollcall.opt_out_addresses is 'For the watch of chamber.opt_out: whose opt-out it is, withdrawn ones included.';

create or replace function rollcall.set_group_sync(association_id text, group_id text, sync boolean)
returns void
language plpgsql security definer set search_path = ''
as $$
begin
    update chamber.rep_group g
    set sync = set_group_sync.sync
    where g.association_id = set_group_sync.association_id::bigint and g.group_id = set_group_sync.group_id::bigint;
    if not found then
        raise exception 'set_group_sync: there is no such group' using errcode = 'P0002';
    end if;
end
$$;
comment on function rollcall.set_group_sync(text, text, boolean) is 'Optional: ticks or unticks one group. The web console calls it. association_id and group_id are those of rollcall.groups, as text.';

create or replace function rollcall.set_options(
    association_id text, newsletter_solution text, sync_all_active boolean, sync_membership_types boolean, sync_groups boolean,
    window_start text, window_end text, time_zone text)
returns void
language plpgsql security definer set search_path = ''
as $$
begin
    if not exists (select from pg_catalog.pg_timezone_names z where z.name = set_options.time_zone) then
        raise exception 'set_options: there is no such time zone' using errcode = '22023';
    end if;
    insert into chamber.sync_options as o
        (association_id, newsletter_solution, sync_all_active, sync_membership_types, sync_groups, window_start, window_end, time_zone)
    values (set_options.association_id::bigint, set_options.newsletter_solution, set_options.sync_all_active, set_options.sync_membership_types,
            set_options.sync_groups, set_options.window_start::time, set_options.window_end::time, set_options.time_zone)
    on conflict on constraint sync_options_pkey do update
    set newsletter_solution = excluded.newsletter_solution, sync_all_active = excluded.sync_all_active,
        sync_membership_types = excluded.sync_membership_types, sync_groups = excluded.sync_groups,
        window_start = excluded.window_start, window_end = excluded.window_end, time_zone = excluded.time_zone;
end
$$;
comment on function rollcall.set_options(text, text, boolean, boolean, boolean, text, text, text) is 'Optional: sets what one association chose, as rollcall.options shows it. The web console calls it. window_start and window_end are HH:MM, time_zone is an IANA name.';

revoke execute on function rollcall.set_group_sync(text, text, boolean),
    rollcall.set_options(text, text, boolean, boolean, boolean, text, text, text) from public;

-- The rows for the example schema chamber.
insert into rollcall.watches ("table", keys, kind, resolve)
values
    ('chamber.association', array['association_id'], 'association', null),
    ('chamber.sync_options', array['association_id'], 'association', null),
    -- The association is not part of the primary key, so a DELETE does not
    -- carry it: only the id goes on the stream and the view says the rest.
    ('chamber.membership_type', array['membership_type_id'], 'association',
     'select association_id::text from rollcall.membership_types where type_id = $1'),
    ('chamber.member', array['member_id'], 'member', null),
    ('chamber.member_type', array['member_id'], 'member', null),
    ('chamber.rep', array['rep_id'], 'rep', null),
    ('chamber.rep_group', array['group_id'], 'group', null),
    ('chamber.group_membership', array['rep_id'], 'rep', null),
    -- An opt-out is kept by address; its id leads there, so that no address
    -- has to leave the server.
    ('chamber.opt_out', array['opt_out_id'], 'address',
     'select association_id::text, email::text from rollcall.opt_out_addresses where opt_out_id = $1')
on conflict do nothing;
