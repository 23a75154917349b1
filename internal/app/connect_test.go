package app

import (
	"context"
	"testing"

	"github.com/jackc/pgx/v5/pgxpool"

	"rollcall/internal/config"
	"rollcall/internal/pgtest"
)

// No transaction of ours is ended by what a role or the database is set to. Before
// version 17 there is nothing that could.
func TestTransactionsAreNotEndedByTheClock(t *testing.T) {
	db := pgtest.Database(t)
	db.Exec(t, `do $$ begin
		if exists (select from pg_settings where name = 'transaction_timeout') then
			execute format('alter database %I set transaction_timeout = 10000', current_database());
		end if;
	end $$`)
	cfg := &config.Config{Source: config.Source{URL: db.URL}, State: config.State{URL: db.URL}}
	for name, open := range map[string]func(context.Context, *config.Config, recogniser) (*pgxpool.Pool, error){"source": memberPool, "state": statePool} {
		pool, err := open(t.Context(), cfg, nil)
		if err != nil {
			t.Fatal(err)
		}
		defer pool.Close()
		var got string
		if err := pool.QueryRow(t.Context(), "select coalesce(current_setting('transaction_timeout', true), '0')").Scan(&got); err != nil || got != "0" {
			t.Errorf("%s: transaction_timeout is %s, want 0; %v", name, got, err)
		}
	}
}
