package store_test

import (
	"testing"

	"github.com/jackc/pgx/v5"

	"rollcall/internal/pgtest"
	"rollcall/internal/store"
)

// Statements on the state are not compiled, which takes longer than they do, and are
// planned for what the tables are at the moment. What a role or the database is set to
// does not end them, and does not make them fail when others write too.
func TestConfigure(t *testing.T) {
	db := pgtest.Database(t)
	for _, setting := range []string{"default_transaction_isolation = serializable", "statement_timeout = '1s'", "lock_timeout = '1s'"} {
		db.Exec(t, "alter database "+db.Name+" set "+setting)
	}
	cfg, err := pgx.ParseConfig(db.URL)
	ok(t, err)
	store.Configure(cfg)
	conn := must[*pgx.Conn](t)(pgx.ConnectConfig(t.Context(), cfg))
	defer conn.Close(t.Context())
	for setting, want := range map[string]string{"jit": "off", "plan_cache_mode": "force_custom_plan", "transaction_isolation": "read committed", "statement_timeout": "0", "lock_timeout": "0"} {
		var got string
		ok(t, conn.QueryRow(t.Context(), "select current_setting($1)", setting).Scan(&got))
		if got != want {
			t.Errorf("%s is %s, want %s", setting, got, want)
		}
	}
}
