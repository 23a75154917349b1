package store_test

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"testing"
	"time"

	"github.com/jackc/pgx/v5/pgxpool"
	"github.com/jackc/pgx/v5/stdlib"
	"github.com/pressly/goose/v3"

	"rollcall/internal/pgtest"
	"rollcall/internal/store"
	files "rollcall/sql"
)

// provider migrates step by step.
func provider(t *testing.T, pool *pgxpool.Pool) *goose.Provider {
	t.Helper()
	folder := must[fs.FS](t)(fs.Sub(files.FS, "migrations"))
	db := stdlib.OpenDBFromPool(pool)
	t.Cleanup(func() { ok(t, db.Close()) })
	return must[*goose.Provider](t)(goose.NewProvider(goose.DialectPostgres, db, folder, goose.WithTableName("rollcall_state.schema_version")))
}

// used are rows that an installation has, from the first schema on.
const used = `
insert into rollcall_state.installation (source, system_id, timeline, database_oid, slot, created_at) values ('chamber', '7000', 1, 16384, 'rollcall', now());
insert into rollcall_state.position (source, durable_lsn, saved_at, full_pass_at) values ('chamber', '0/60', now(), now());
insert into rollcall_state.touched (source, kind, via, key, xids, end_lsn, touched_at) values ('chamber', 'rep', '', '{1}', '{900}', '0/50', now());
insert into rollcall_state.request (source, content, asked_at, lsn) values ('chamber', '{}', now(), '0/50');
insert into rollcall_state.rep_seen (source, association, rep, address) values ('chamber', '1', '1', 'rosa@example.org');
insert into rollcall_state.rep_problem (source, association, rep, reason, since) values ('chamber', '1', '2', 'no_email', now());
insert into rollcall_state.opt_out (source, association, address, since) values ('chamber', '1', 'rosa@example.org', now());
insert into rollcall_state.dirty (source, association, address, touched_at) values ('chamber', '1', 'rosa@example.org', now());
insert into rollcall_state.list (source, association, key, kind, ref, name, list_id, state, existed, bound_at)
	values ('chamber', '1', 'group:1', 'group', '1', 'Board', 'x', 'bound', false, now());
insert into rollcall_state.contact (source, association, address, contact_id, state, read_at) values ('chamber', '1', 'rosa@example.org', 'c', 'active', now());
insert into rollcall_state.ledger (source, association, list, address, told, departed_at) values ('chamber', '1', 'group:1', 'rosa@example.org', 'add', now());
insert into rollcall_state.activity (source, association, kind, list_ids, people, state, created_at) values ('chamber', '1', 'import', '{x}', 1, 'sent', now());
insert into rollcall_state.intent (activity, list, address, op) select id, 'group:1', 'rosa@example.org', 'add' from rollcall_state.activity`

// question is about two people, and about one still; since 00002_rules.sql.
const question = `
with q as (insert into rollcall_state.approval (source, association, list, kind, state, asked_at) values ('chamber', '1', 'group:1', 'removals', 'waiting', now()) returning id)
insert into rollcall_state.approval_pair (approval, source, association, list, address, op, ended)
select id, 'chamber', '1', 'group:1', address, 'remove', ended from q, (values ('rosa@example.org', ''), ('lena@example.org', 'done')) as p (address, ended)`

// An installation of each earlier version is brought up to date with all that it
// remembers, and the statements work on it.
func TestUpgradeFromEachEarlierSchema(t *testing.T) {
	ctx := t.Context()
	folder := must[[]fs.DirEntry](t)(fs.ReadDir(files.FS, "migrations"))
	for _, earlier := range folder[:len(folder)-1] {
		t.Run(earlier.Name(), func(t *testing.T) {
			pool := pgtest.Database(t).Pool(t)
			_, err := pool.Exec(ctx, "create schema rollcall_state")
			ok(t, err)
			var version int64
			_, err = fmt.Sscanf(earlier.Name(), "%05d_", &version)
			ok(t, err)
			_, err = provider(t, pool).UpTo(ctx, version)
			ok(t, err)
			_, err = pool.Exec(ctx, used)
			ok(t, err)
			if version >= 2 {
				_, err = pool.Exec(ctx, question)
				ok(t, err)
			}
			ok(t, store.Migrate(ctx, pool))
			ok(t, store.Ready(ctx, pool))
			if questions, err := store.New(pool, "chamber", time.Now).Approvals(ctx, "1", false); version >= 2 && (len(questions) != 1 || questions[0].Pairs != 2 || questions[0].Open != 1) {
				t.Errorf("the question is %+v, %v", questions, err)
			}
			var n int
			ok(t, pool.QueryRow(ctx, `select count(*) from rollcall_state.installation i, rollcall_state.position, rollcall_state.touched, rollcall_state.request, rollcall_state.rep_seen,
				rollcall_state.rep_problem, rollcall_state.opt_out, rollcall_state.dirty, rollcall_state.list, rollcall_state.contact, rollcall_state.ledger,
				rollcall_state.activity, rollcall_state.intent where i.source = 'chamber'`).Scan(&n))
			if n != 1 {
				t.Errorf("%d rows are left of each, want 1", n)
			}
			s := store.New(pool, "chamber", time.Now)
			here := store.Installation{SystemID: "7000", Timeline: 1, DatabaseOID: 16384, WithState: true}
			if known, err := s.Installation(ctx, here); err != nil || !known.Same(here) {
				t.Errorf("the installation is %+v, %v", known, err)
			}
			facts := known(t, s.Association("1"), "rosa@example.org")
			if !facts.Pairs["group:1"].Departed {
				t.Errorf("of the departure is known %+v", facts)
			}
		})
	}
}

// An older binary goes on beside a newer schema, until one says that it cannot.
func TestAnOlderBinaryBesideANewerSchema(t *testing.T) {
	ctx := t.Context()
	pool := pgtest.Database(t).Pool(t)
	ok(t, store.Migrate(ctx, pool))
	exec := func(statement string) {
		t.Helper()
		_, err := pool.Exec(ctx, statement)
		ok(t, err)
	}
	exec("insert into rollcall_state.schema_version (version_id, is_applied) values (99999, true)")
	for name, check := range map[string]func(context.Context, *pgxpool.Pool) error{"run": store.Migrate, "a command": store.Ready} {
		if err := check(ctx, pool); err != nil {
			t.Errorf("%s beside a newer schema that it can work with: %v", name, err)
		}
	}
	exec("update rollcall_state.compat set level = 99999")
	for name, check := range map[string]func(context.Context, *pgxpool.Pool) error{"run": store.Migrate, "a command": store.Ready} {
		if err := check(ctx, pool); !errors.Is(err, store.ErrNewerState) {
			t.Errorf("%s beside a newer schema that it cannot work with: %v", name, err)
		}
	}
}
