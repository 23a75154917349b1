-- The views of the contract over a database shaped like Galette, an
-- association's member manager. docs/adapting.md explains the choices.
--
-- One association, '1'. A rep is an adherent; the member is the adherent whom it
-- is attached to (a company's record), or the adherent itself.

create view rollcall.reps as
select '1'::text as association_id,
       a.id_adh as rep_id,
       coalesce(a.parent_id, a.id_adh) as member_id,
       a.email_adh as email, -- as typed; Rollcall trims and lowers it
       a.prenom_adh as first_name,
       a.nom_adh as last_name,
       coalesce(nullif(a.societe_adh, ''), p.societe_adh) as company,
       a.prof_adh as job_title,
       coalesce(a.gsm_adh, a.tel_adh) as phone,
       a.adresse_adh as street,
       a.ville_adh as city,
       a.region_adh as state,
       a.cp_adh as zip,
       a.pays_adh as country,
       a.activite_adh as active,
       -- The due date is stored. On the day it passes no row changes: the daily
       -- full reconciliation sees it.
       case when coalesce(a.bool_exempt_adh, false)
              or coalesce(a.date_echeance >= current_date, false)
              or coalesce(p.date_echeance >= current_date and p.activite_adh, false) then 'active' else 'lapsed' end as member_status,
       array(select s.libelle_statut::text from public.galette_statuts s where s.id_statut = a.id_statut) as membership_types,
       -- There is no column for an opt-out: sites add a check box of their own.
       exists (select from public.galette_dynamic_fields d
               join public.galette_field_types f on f.field_id = d.field_id
               where d.field_form = 'adh' and d.item_id = a.id_adh and f.field_name = 'No newsletter' and d.field_val = '1') as opted_out
from public.galette_adherents a
left join public.galette_adherents p on p.id_adh = a.parent_id;

create view rollcall.groups as
select '1'::text as association_id,
       g.id_group as group_id,
       g.group_name as name,
       not exists (select from public.galette_preferences x where x.nom_pref = 'pref_ctct_skip_group_' || g.id_group) as sync
from public.galette_groups g;

-- Managers of a group are not always members of it. Nobody can be disabled in a
-- group: set rules.on_removed.
create view rollcall.group_members as
select '1'::text as association_id, m.id_group as group_id, m.id_adh as rep_id, false as disabled
from public.galette_groups_members m
union
select '1', m.id_group, m.id_adh, false
from public.galette_groups_managers m;

create view rollcall.options as
select '1'::text as association_id,
       coalesce(max(val_pref) filter (where nom_pref = 'pref_newsletter_solution'), '') as newsletter_solution,
       coalesce(bool_or(val_pref = '1') filter (where nom_pref = 'pref_ctct_all_active'), false) as sync_all_active,
       coalesce(bool_or(val_pref = '1') filter (where nom_pref = 'pref_ctct_types'), false) as sync_membership_types,
       coalesce(bool_or(val_pref = '1') filter (where nom_pref = 'pref_ctct_groups'), false) as sync_groups,
       '01:00' as window_start,
       '04:00' as window_end,
       'Europe/Paris' as time_zone
from public.galette_preferences;

-- For the watch of galette_statuts: whom a status concerns. It is a view because
-- the role rollcall reads no table.
create view rollcall.reps_by_status as
select a.id_statut, a.id_adh as rep_id
from public.galette_adherents a;

-- The look-ups of a change.
create index if not exists galette_adherents_by_address on public.galette_adherents (lower(btrim(email_adh, E' \t\n\r\f\x0b')));
create index if not exists galette_adherents_by_member on public.galette_adherents (coalesce(parent_id, id_adh));
create index if not exists galette_adherents_by_status on public.galette_adherents (id_statut);
create index if not exists galette_groups_members_by_adherent on public.galette_groups_members (id_adh);
create index if not exists galette_groups_managers_by_adherent on public.galette_groups_managers (id_adh);
