package cdc

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"

	"rollcall/internal/pgtest"
)

// The creation of a slot waits for older transactions, but not for ever, and
// leaves nothing behind.
func TestPrepareNamesWhomItWaitsFor(t *testing.T) {
	t.Parallel()
	server := pgtest.Server(t, map[string]string{"max_prepared_transactions": "2"})
	ctx := t.Context()
	conn, err := pgx.Connect(ctx, server.URL("postgres"))
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close(context.Background())
	for _, statement := range []string{
		"create table rep (rep_id integer primary key)", "create publication rollcall for table rep",
		"begin; insert into rep values (1); prepare transaction 'harbour'",
	} {
		if _, err := conn.Exec(ctx, statement); err != nil {
			t.Fatal(err)
		}
	}
	_, err = prepare(ctx, conn, "rollcall", "rollcall", 200*time.Millisecond)
	if !errors.Is(err, ErrSlotWaits) || !strings.Contains(err.Error(), "prepared transaction 'harbour'") {
		t.Errorf("error %v, want one that names whom it waits for", err)
	}
	if slot, err := ReadSlot(ctx, conn, "rollcall"); err != nil || slot.Exists {
		t.Errorf("left behind: %+v, %v", slot, err)
	}
	if _, err := conn.Exec(ctx, "rollback prepared 'harbour'"); err != nil {
		t.Fatal(err)
	}
	if p, err := prepare(ctx, conn, "rollcall", "rollcall", slotPatience); err != nil || !p.Created {
		t.Errorf("after it: %+v, %v", p, err)
	}
}

// What the server answers is told apart by SQLSTATE; the rest may pass.
func TestStreamError(t *testing.T) {
	cfg := Config{Slot: "slot", Publication: "rollcall", Conn: &pgconn.Config{User: "o'neill", Database: "chamber"}}
	for code, want := range map[string]error{
		"55006": ErrSlotInUse, "42704": ErrPublicationMissing, "42501": ErrNoReplication, "28P01": ErrRefused, "28000": ErrRefused, "3D000": ErrRefused,
	} {
		err := streamError(&pgconn.PgError{Code: code, Message: "in any language"}, cfg)
		if !errors.Is(err, want) || strings.Contains(err.Error(), "language") {
			t.Errorf("%s: %v, want %v", code, err, want)
		}
		if passing(err) != (want == ErrSlotInUse) {
			t.Errorf("%s: passing = %t", code, passing(err))
		}
	}
	for _, code := range []string{"57P01", "57P03", "53300", "55000", "XX000"} {
		if err := streamError(&pgconn.PgError{Code: code}, cfg); !passing(err) {
			t.Errorf("%s: %v is final", code, err)
		}
	}
}

// A slot that is dropped after it was looked at and before the stream begins is missing;
// the publication is not asked for yet.
func TestStartWithoutASlot(t *testing.T) {
	t.Parallel()
	settings, err := pgconn.ParseConfig(pgtest.Database(t).URL)
	if err != nil {
		t.Fatal(err)
	}
	settings.RuntimeParams["replication"] = "database"
	conn, err := pgconn.ConnectConfig(t.Context(), settings)
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close(context.Background())
	cfg := Config{Slot: pgtest.Slot(t), Publication: "rollcall", Conn: settings}
	_, err = query(t.Context(), conn, fmt.Sprintf(`START_REPLICATION SLOT %s LOGICAL 0/0 (proto_version '1', publication_names '"rollcall"')`, identifier(cfg.Slot)))
	if err == nil {
		t.Fatal("it began")
	}
	err = streamError(startError(err, cfg), cfg)
	if !errors.Is(err, ErrSlotMissing) || passing(err) {
		t.Errorf("%v, want %v", err, ErrSlotMissing)
	}
}
