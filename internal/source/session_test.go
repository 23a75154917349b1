package source

import (
	"testing"

	"rollcall/internal/pgtest"
)

// A key is written by the stream, by triggers and by the views in one way, whatever
// a role or the database is set to.
func TestIDsAreWrittenInOneWay(t *testing.T) {
	db := pgtest.Database(t)
	for _, setting := range []string{"bytea_output = escape", "datestyle = 'SQL, DMY'", "extra_float_digits = -2", "lock_timeout = '1s'", "default_transaction_isolation = serializable"} {
		db.Exec(t, "alter database "+db.Name+" set "+setting)
	}
	pool := configured(t, db.URL)
	for query, want := range map[string]string{
		`select '\x00ff'::bytea::text`: `\x00ff`, "select extract(month from '03/02/2026'::text::date)::text": "2",
		"select (1::float8 / 3)::text": "0.3333333333333333", "show lock_timeout": "0", "show transaction_isolation": "read committed",
	} {
		var got string
		if err := pool.QueryRow(t.Context(), query).Scan(&got); err != nil || got != want {
			t.Errorf("%s: %s, want %s; %v", query, got, want, err)
		}
	}
}
