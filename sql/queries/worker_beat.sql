insert into rollcall_state.worker (source, holder) values ($1, $2)
on conflict (source, holder) do update set beats = worker.beats + 1
