select (select max(ended_at) from rollcall_state.run
        where source = $1 and association = $2 and kind <> 'sync_now' and state = 'done'),
       greatest((select max(read_at) from rollcall_state.contact where source = $1 and association = $2),
                (select at from rollcall_state.account_read where source = $1 and association = $2)),
       (select full_pass_at from rollcall_state.position where source = $1),
       (select count(*) from rollcall_state.dirty where source = $1 and association = $2),
       (select count(*) from rollcall_state.approval where source = $1 and association = $2 and state = 'waiting'),
       array(select kind || case when detail = '' then '' else ': ' || detail end
             from rollcall_state.alarm where source = $1 and association = $2 order by kind)
