package store_test

import (
	"testing"

	"github.com/jackc/pgx/v5"

	"rollcall/internal/pgtest"
	"rollcall/internal/store"
)

// Statements on the state are not compiled, which takes longer than they do, and are
// planned for what the tables are at the moment.
func TestConfigure(t *testing.T) {
	cfg, err := pgx.ParseConfig(pgtest.Database(t).URL)
	ok(t, err)
	store.Configure(cfg)
	conn := must[*pgx.Conn](t)(pgx.ConnectConfig(t.Context(), cfg))
	defer conn.Close(t.Context())
	for setting, want := range map[string]string{"jit": "off", "plan_cache_mode": "force_custom_plan"} {
		var got string
		ok(t, conn.QueryRow(t.Context(), "select current_setting($1)", setting).Scan(&got))
		if got != want {
			t.Errorf("%s is %s, want %s", setting, got, want)
		}
	}
}
