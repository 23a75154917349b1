-- People who are kept off lists by what Constant Contact says of them, and rows
-- of reps that cannot be used. See metrics_queue.sql for the shape; $2 is not
-- needed.
select 'people_kept_off', association, array[case state
           when 'unsubscribed' then 'unsubscribed_in_constant_contact'
           when 'deleted' then 'deleted_in_constant_contact'
           when 'temp_hold' then 'on_hold_in_constant_contact'
           when 'pending_confirmation' then 'awaiting_confirmation'
           else 'no_permission_recorded'
       end], count(*)::double precision
from rollcall_state.contact
where source = $1 and state in ('unsubscribed', 'deleted', 'temp_hold', 'pending_confirmation', 'not_set') and $2::timestamptz is not null
group by association, state
union all
select 'people_kept_off', association, array['left_list_in_constant_contact'], count(distinct address)::double precision
from rollcall_state.ledger where source = $1 and departed_at is not null group by association
union all
select 'people_kept_off', association, array['refused_by_constant_contact'], count(*)::double precision
from rollcall_state.contact where source = $1 and refused_at is not null group by association
union all
select 'reps_unusable', association, array[reason], count(*)::double precision
from rollcall_state.rep_problem where source = $1 group by association, reason
