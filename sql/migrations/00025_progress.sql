-- +goose Up
-- Where a queued address comes from, for latencies and for "rollcall trace": the
-- oldest commit that is not confirmed yet, and the stretch of the stream that the
-- touched keys came from. All null where no change of the database asked, but a
-- run. Whoever works at one time is told apart no finer than by one pass over the
-- touched keys.
alter table rollcall_state.dirty
    add committed_at timestamptz,
    add first_lsn    pg_lsn,             -- end of the first commit
    add last_lsn     pg_lsn;             -- end of the last one
alter table rollcall_state.intent
    add committed_at timestamptz,
    add first_lsn    pg_lsn,
    add last_lsn     pg_lsn;

-- What the metrics count again and again.
create index contact_kept_off on rollcall_state.contact (source, association, state)
    where state in ('unsubscribed', 'deleted', 'temp_hold', 'pending_confirmation', 'not_set');
create index contact_refused on rollcall_state.contact (source, association) where refused_at is not null;
create index ledger_departed on rollcall_state.ledger (source, association) where departed_at is not null;
create index approval_open on rollcall_state.approval (source, association) where state = 'waiting';
create index run_ended on rollcall_state.run (source, association, kind, state, ended_at);

-- +goose Down
drop index rollcall_state.run_ended, rollcall_state.approval_open, rollcall_state.ledger_departed, rollcall_state.contact_refused,
    rollcall_state.contact_kept_off;
alter table rollcall_state.intent drop committed_at, drop first_lsn, drop last_lsn;
alter table rollcall_state.dirty drop committed_at, drop first_lsn, drop last_lsn;
