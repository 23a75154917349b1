package chamber_test

import (
	"context"
	"fmt"
	"os"
	"testing"

	"github.com/jackc/pgx/v5"

	"rollcall/sql"
)

var dbCount int

// database is a new database with the reference schema and the contract.
func database(t testing.TB) *pgx.Conn {
	ctx := context.Background()
	base := os.Getenv("CHAMBER_DB")
	admin, err := pgx.Connect(ctx, base+" dbname=postgres")
	if err != nil {
		t.Fatal(err)
	}
	defer admin.Close(ctx)
	dbCount++
	name := fmt.Sprintf("t%d", dbCount)
	admin.Exec(ctx, "drop database if exists "+name+" with (force)")
	if _, err := admin.Exec(ctx, "create database "+name); err != nil {
		t.Fatal(err)
	}
	conn, err := pgx.Connect(ctx, base+" dbname="+name)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { conn.Close(ctx) })
	for _, text := range append(sql.Reference(), sql.Contract()...) {
		if _, err := conn.Exec(ctx, text); err != nil {
			t.Fatal(err)
		}
	}
	return conn
}
