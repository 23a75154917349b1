select exists (select from rollcall_state.position where source = $1 and full_pass_at is not null),
       coalesce((select version || ' ' || touched_at from rollcall_state.dirty where source = $1 and association = $2 and address = ''), ''),
       exists (select from rollcall_state.list
               where source = $1 and association = $2 and state = 'bound' and existed and looked_at is null),
       array(select id from rollcall_state.run where source = $1 and association = $2 and state = 'running' order by id)
