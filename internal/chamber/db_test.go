package chamber_test

import (
	"context"
	"testing"

	"github.com/jackc/pgx/v5"

	"rollcall/internal/pgtest"
	"rollcall/sql"
)

func TestMain(m *testing.M) { pgtest.Main(m) }

// database is a session in a new database with the example schema and the
// contract, empty.
func database(t *testing.T) *pgx.Conn {
	t.Helper()
	return pgtest.Template(t, "contract", func(ctx context.Context, conn *pgx.Conn) error {
		for _, text := range append(sql.Reference(), sql.Contract()...) {
			if _, err := conn.Exec(ctx, text); err != nil {
				return err
			}
		}
		return nil
	}).Conn(t)
}
