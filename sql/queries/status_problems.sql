-- What people have to mend, or may, by reason: reps, contacts, lists and notices. $1 source,
-- $2 association.
select reason, count(*)::int
from (select reason from rollcall_state.rep_problem where source = $1 and association = $2
      union all
      select 'refused_by_constant_contact' from rollcall_state.contact where source = $1 and association = $2 and refused_at is not null
      union all
      select case state when 'missing' then 'list_missing' when 'ambiguous' then 'list_ambiguous' else 'account_list_limit' end
      from rollcall_state.list where source = $1 and association = $2 and state in ('missing', 'ambiguous', 'no_room')
      union all
      select kind from rollcall_state.notice where source = $1 and association = $2) x
group by reason
order by count(*) desc, reason
