insert into pg_temp.mark (association, rep, address, problem)
select association, '', address, '' from rollcall_state.rep_seen where source = $1 and (association = $2 or $2 = '')
union
select association, '', address, '' from rollcall_state.ledger where source = $1 and (association = $2 or $2 = '')
