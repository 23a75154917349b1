-- Who must be on which list now, and who must not, read from the member tables
-- by docs/semantics.md (sections 2, 4 and 7) and by nothing else of Rollcall:
-- a second opinion for tests. It holds once all work is done, when nothing
-- waits for an approval and nobody changed anything in Constant Contact.
--
-- A pair (list, address) that is not in the result may be on the list or not.
-- That goes for addresses that are not plainly well formed, too.
with synced as (
    select * from chamber.sync_options where newsletter_solution = 'ConstantContact'
),
list (association_id, kind, ref, name) as (
    select association_id, 'all_active', 0, 'All Active and Courtesy Representatives'
    from synced where sync_all_active
    union all
    select association_id, 'type', membership_type_id, btrim(name)
    from chamber.membership_type join synced using (association_id) where sync_membership_types
    union all
    select association_id, 'group', group_id, btrim(name)
    from chamber.rep_group join synced using (association_id) where sync_groups and sync
),
-- Several reps may hold one address: each row is one of them.
holder as (
    select r.association_id, r.rep_id, r.member_id, r.opted_out,
           lower(btrim(r.email, E' \t\n\r\f\x0b')) as address,
           r.active and coalesce(lower(m.status) in ('active', 'courtesy'), false) as active
    from chamber.rep r
    left join chamber.member m using (association_id, member_id)
    where r.email is not null
),
standing_opt_out as (
    select association_id, lower(btrim(email, E' \t\n\r\f\x0b')) as address, group_id
    from chamber.opt_out where withdrawn_at is null
),
-- An opt-out is about the inbox: one holder speaks for all.
silent as (
    select association_id, address from holder where opted_out
    union
    select association_id, address from standing_opt_out where group_id is null
),
-- Every reason to speak about a pair, and whether it speaks for being on it.
voice (association_id, kind, ref, address, wants) as (
    select association_id, 'all_active', 0, address, active
    from holder
    union all
    select h.association_id, 'type', t.membership_type_id, h.address, h.active and has.member_id is not null
    from holder h
    join chamber.membership_type t on t.association_id = h.association_id
    left join chamber.member_type has on has.member_id = h.member_id and has.membership_type_id = t.membership_type_id
    union all
    select h.association_id, 'group', g.group_id, h.address,
           not g.disabled and (h.association_id, h.address, g.group_id) not in (
               select association_id, address, group_id from standing_opt_out where group_id is not null)
    from chamber.group_membership g
    join holder h on h.rep_id = g.rep_id
    union all
    select s.association_id, l.kind, l.ref, s.address, false
    from silent s
    join list l on l.association_id = s.association_id
)
select l.association_id, l.name, v.address,
       case when bool_or(v.wants) and (l.association_id, v.address) not in (select association_id, address from silent)
            then 'on' else 'off' end as verdict
from voice v
join list l on l.association_id = v.association_id and l.kind = v.kind and l.ref = v.ref
where v.address ~ '^[a-z0-9_+-]+([.][a-z0-9_+-]+)*@([a-z0-9]([a-z0-9-]*[a-z0-9])?[.])+[a-z]{2,}$'
group by l.association_id, l.kind, l.ref, l.name, v.address
order by l.association_id, l.name, v.address
