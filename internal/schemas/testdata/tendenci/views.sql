-- The views of the contract over a database shaped like Tendenci, a system for
-- associations. docs/adapting.md explains the choices.
--
-- One association, '1'. A rep is a user; a user may represent several companies,
-- and have a membership of her own. The member has an id of two kinds:
-- 'corp:<profile>' or 'ind:<user>'.

-- Each company with the membership that counts: the living one, else the last.
create view rollcall.companies as
select cp.id as corp_profile_id,
       cp.name,
       cp.phone,
       m.type_name,
       coalesce(m.live, false) as live
from public.corporate_memberships_corpprofile cp
left join lateral (
    select ct.name as type_name,
           cm.status and cm.status_detail = 'active'
             and (cm.expiration_dt is null
                  or cm.expiration_dt + make_interval(days => coalesce(mt.expiration_grace_period, 0)) >= now()) as live
    from public.corporate_memberships_corpmembership cm
    left join public.corporate_memberships_corporatemembershiptype ct on ct.id = cm.corporate_membership_type_id
    left join public.memberships_membershiptype mt on mt.id = ct.membership_type_id
    where cm.corp_profile_id = cp.id
    order by 2 desc nulls last, cm.id desc
    limit 1
) m on true
where cp.status;

create view rollcall.reps as
select '1'::text as association_id,
       u.id as rep_id,
       coalesce('corp:' || c.corp_profile_id, 'ind:' || u.id) as member_id,
       u.email,
       u.first_name,
       u.last_name,
       coalesce(c.name, nullif(p.company, '')) as company,
       p.position_title as job_title,
       coalesce(nullif(p.work_phone, ''), nullif(p.phone, ''), nullif(c.phone, '')) as phone,
       p.address as street,
       p.city,
       p.state,
       p.zipcode as zip,
       p.country,
       u.is_active and p.status and p.status_detail = 'active' as active,
       case when coalesce(c.live, false) or coalesce(i.live, false) then 'active' else 'lapsed' end as member_status,
       -- Both memberships of a person count, where they are alive.
       array_remove(array[case when c.live then c.type_name end, case when i.live then i.type_name end]::text[], null) as membership_types,
       not p.direct_mail as opted_out
from public.auth_user u
join public.profiles_profile p on p.user_id = u.id
-- LATERAL, so that the look-up of one user does not sort the companies of all.
left join lateral (
    select rc.*
    from public.corporate_memberships_corpmembershiprep r
    join rollcall.companies rc on rc.corp_profile_id = r.corp_profile_id
    where r.user_id = u.id
    order by rc.live desc, r.is_member_rep desc, rc.corp_profile_id
    limit 1
) c on true
left join lateral (
    select mt.name as type_name,
           md.status and md.status_detail = 'active'
             and (md.expire_dt is null or md.expire_dt + make_interval(days => mt.expiration_grace_period) >= now()) as live
    from public.memberships_membershipdefault md
    join public.memberships_membershiptype mt on mt.id = md.membership_type_id
    where md.user_id = u.id
    order by 2 desc nulls last, md.id desc
    limit 1
) i on true;

create view rollcall.groups as
select '1'::text as association_id,
       g.id as group_id,
       g.name,
       g.sync_newsletters and g.status and g.status_detail = 'active' as sync -- deleting a group only sets status
from public.user_groups_group g;

create view rollcall.group_members as
select '1'::text as association_id,
       gm.group_id,
       gm.member_id as rep_id,
       not (gm.status and gm.status_detail = 'active' and gm.is_newsletter_subscribed) as disabled
from public.user_groups_groupmembership gm;

-- Settings are rows by name, without a unique key: max() makes one row of them.
create view rollcall.options as
select '1'::text as association_id,
       coalesce(max(s.value) filter (where s.name = 'newslettersolution'), '') as newsletter_solution,
       coalesce(bool_or(lower(s.value) = 'true') filter (where s.name = 'ctctsyncallactive'), false) as sync_all_active,
       coalesce(bool_or(lower(s.value) = 'true') filter (where s.name = 'ctctsyncmembershiptypes'), false) as sync_membership_types,
       coalesce(bool_or(lower(s.value) = 'true') filter (where s.name = 'ctctsyncgroups'), false) as sync_groups,
       '01:00' as window_start,
       '04:00' as window_end,
       'America/Chicago' as time_zone
from public.site_settings_setting s
where s.scope = 'site' and s.scope_category = 'global' and not s.is_secure;

-- For the watches: whom a company, or a type, concerns. They are views because
-- the role rollcall reads no table.
create view rollcall.reps_by_company as
select r.corp_profile_id, r.user_id as rep_id
from public.corporate_memberships_corpmembershiprep r;

-- The link tables have an id of their own as primary key. A deleted row would
-- not say whose it was, so more identifies a row of them. The columns are never
-- NULL and the id is unique, so these indexes are too.
create unique index if not exists corpmembershiprep_rollcall on public.corporate_memberships_corpmembershiprep (id, user_id);
alter table public.corporate_memberships_corpmembershiprep replica identity using index corpmembershiprep_rollcall;
create unique index if not exists corpmembership_rollcall on public.corporate_memberships_corpmembership (id, corp_profile_id);
alter table public.corporate_memberships_corpmembership replica identity using index corpmembership_rollcall;
create unique index if not exists membershipdefault_rollcall on public.memberships_membershipdefault (id, user_id);
alter table public.memberships_membershipdefault replica identity using index membershipdefault_rollcall;
create unique index if not exists groupmembership_rollcall on public.user_groups_groupmembership (id, member_id);
alter table public.user_groups_groupmembership replica identity using index groupmembership_rollcall;
create unique index if not exists profile_rollcall on public.profiles_profile (id, user_id);
alter table public.profiles_profile replica identity using index profile_rollcall;

-- The look-ups of a change.
create index if not exists auth_user_by_address on public.auth_user (lower(btrim(email, E' \t\n\r\f\x0b')));
create index if not exists profile_by_user on public.profiles_profile (user_id);
create index if not exists corpmembershiprep_by_user on public.corporate_memberships_corpmembershiprep (user_id);
create index if not exists corpmembershiprep_by_company on public.corporate_memberships_corpmembershiprep (corp_profile_id);
create index if not exists corpmembership_by_company on public.corporate_memberships_corpmembership (corp_profile_id);
create index if not exists membershipdefault_by_user on public.memberships_membershipdefault (user_id);
create index if not exists groupmembership_by_group on public.user_groups_groupmembership (group_id);
create index if not exists groupmembership_by_member on public.user_groups_groupmembership (member_id);
