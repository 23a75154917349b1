-- An opt-out that an earlier installation remembered.
insert into rollcall_state.opt_out (source, association, address, since)
values ($1, $2, $3, $4)
on conflict do nothing
