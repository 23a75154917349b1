-- People of a list, in order. $4 what is asked for, $5 a reason of those held or
-- '', $6 behind whom, $7 at most. Each branch has an index of its own.
(select who, class, reason, on_list, op, rep from rollcall_state.standing
 where $4 = 'in_database' and source = $1 and association = $2 and list = $3 and who > $6 and class in ('expected', 'held')
 order by who limit $7)
union all
(select who, class, reason, on_list, op, rep from rollcall_state.standing
 where $4 = 'expected' and source = $1 and association = $2 and list = $3 and who > $6 and class = 'expected'
 order by who limit $7)
union all
(select who, class, reason, on_list, op, rep from rollcall_state.standing
 where $4 = 'held' and source = $1 and association = $2 and list = $3 and class = 'held' and reason = $5 and who > $6
 order by who limit $7)
union all
(select who, class, reason, on_list, op, rep from rollcall_state.standing
 where $4 = 'on_list' and source = $1 and association = $2 and list = $3 and who > $6 and on_list
 order by who limit $7)
union all
(select who, class, reason, on_list, op, rep from rollcall_state.standing
 where $4 = 'pending' and source = $1 and association = $2 and list = $3 and who > $6 and op <> ''
 order by who limit $7)
union all
(select who, class, reason, on_list, op, rep from rollcall_state.standing
 where $4 in ('foreign', 'left_behind') and source = $1 and association = $2 and list = $3 and class = $4 and reason = '' and who > $6
 order by who limit $7)
union all
(select who, class, reason, on_list, op, rep from rollcall_state.standing
 where $4 = 'to_add' and source = $1 and association = $2 and list = $3 and who > $6 and class = 'expected' and not on_list
 order by who limit $7)
