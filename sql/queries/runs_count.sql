insert into rollcall_state.run_count (run, what, reason, n) values ($1, $2, $3, $4)
on conflict (run, what, reason) do update set n = run_count.n + excluded.n
