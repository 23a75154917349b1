-- +goose Up
-- The queue in the order in which it is worked off, apart from what waits. Both
-- indexes are partial, so that whoever looks for addresses has one way only, the
-- primary key, whatever the statistics of a table say that fills and empties within
-- seconds.
drop index rollcall_state.dirty_due, rollcall_state.dirty_order;
create index dirty_ready on rollcall_state.dirty (source, association, first desc, touched_at, address) where not_before is null;
create index dirty_waiting on rollcall_state.dirty (source, association, not_before) where not_before is not null;

-- A row that is touched again and again stays on its page, without new index entries.
alter table rollcall_state.dirty set (fillfactor = 70);

-- Touched keys name reps without their association.
create index rep_seen_rep on rollcall_state.rep_seen (source, rep);
create index rep_problem_rep on rollcall_state.rep_problem (source, rep);

-- +goose Down
drop index rollcall_state.rep_problem_rep, rollcall_state.rep_seen_rep, rollcall_state.dirty_waiting, rollcall_state.dirty_ready;
alter table rollcall_state.dirty reset (fillfactor);
create index dirty_order on rollcall_state.dirty (source, association, first desc, touched_at, address);
create index dirty_due on rollcall_state.dirty (source, association, touched_at);
