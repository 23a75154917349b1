package cdc

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/jackc/pglogrepl"
	"github.com/jackc/pgx/v5/pgconn"
	"github.com/jackc/pgx/v5/pgproto3"
)

// startPatience is how long the server may take to begin to stream.
const startPatience = time.Minute

// patience is how long a server may keep us waiting for an answer before the
// stream: one that is silent must not hold us for ever.
func (r *Reader) patience() time.Duration { return min(startPatience, 10*r.cfg.SenderTimeout) }

// lookAround looks at the server over another connection once the slot is ours. Over
// the stream's own it may not look at tables before it begins: Postgres 16 would go on
// to decode older changes of them by what they are now.
func (r *Reader) lookAround(ctx context.Context, seen Slot) error {
	ctx, cancel := context.WithTimeout(ctx, r.patience())
	defer cancel()
	conn, err := pgconn.ConnectConfig(ctx, r.cfg.Conn)
	if err != nil {
		return fmt.Errorf("connect to look at the slot: %w", err)
	}
	defer conn.Close(context.WithoutCancel(ctx))
	if err := r.unmoved(ctx, conn, seen); err != nil {
		return err
	}
	return r.warnOfUnpublished(ctx, conn)
}

// unmoved makes sure that the slot is still where it was when it was looked at.
// Nobody else can move it any more; we have not yet.
func (r *Reader) unmoved(ctx context.Context, conn *pgconn.PgConn, seen Slot) error {
	now, err := inspect(ctx, conn, r.cfg.Slot, r.cfg.Publication)
	if err != nil {
		return err
	}
	if err := now.usable(r.cfg.Slot); err != nil {
		return err
	}
	if now.ConfirmedFlushLSN != seen.ConfirmedFlushLSN {
		return problem(ErrPositions, "slot %q was moved from %s to %s by somebody else while we connected; start again to have everything looked at",
			r.cfg.Slot, seen.ConfirmedFlushLSN, now.ConfirmedFlushLSN)
	}
	return nil
}

// server tells one server from another, and from itself after a failover.
type server struct {
	systemID string
	timeline int32
}

// connect connects for replication and looks at the slot, before it takes the
// connection over. The caller closes the wire.
func (r *Reader) connect(ctx context.Context) (_ *wire, _ Slot, err error) {
	ctx, cancel := context.WithTimeout(ctx, r.patience())
	defer cancel()
	settings := r.cfg.Conn.Copy()
	for name, value := range map[string]string{
		"replication":        "database",
		"application_name":   "rollcall reader",
		"client_encoding":    "UTF8", // rows come in the client's encoding
		"wal_sender_timeout": fmt.Sprintf("%dms", r.cfg.SenderTimeout.Milliseconds()),
	} {
		settings.RuntimeParams[name] = value
	}
	settings.DialFunc = paced(settings.DialFunc, r.cfg.Now)
	conn, err := pgconn.ConnectConfig(ctx, settings)
	if err != nil {
		return nil, Slot{}, fmt.Errorf("connect for replication: %w", err)
	}
	defer func() {
		if err != nil {
			err = errors.Join(err, conn.Close(context.WithoutCancel(ctx)))
		}
	}()
	// Before the slot: another server may have none of that name.
	if err := r.recognise(ctx, conn); err != nil {
		return nil, Slot{}, err
	}
	slot, err := inspect(ctx, conn, r.cfg.Slot, r.cfg.Publication)
	if err != nil {
		return nil, Slot{}, err
	}
	if err := slot.usable(r.cfg.Slot); err != nil {
		return nil, Slot{}, err
	}
	if err := r.comparePositions(ctx, slot); err != nil {
		return nil, Slot{}, err
	}
	if err := conn.SyncConn(ctx); err != nil {
		return nil, Slot{}, fmt.Errorf("take over replication connection: %w", err)
	}
	taken, err := conn.Hijack()
	if err != nil {
		return nil, Slot{}, fmt.Errorf("take over replication connection: %w", err)
	}
	return newWire(taken.Conn, r.cfg.Now), slot, nil
}

// recognise compares the server that answers with the one that was read before.
func (r *Reader) recognise(ctx context.Context, conn *pgconn.PgConn) error {
	id, err := pglogrepl.IdentifySystem(ctx, conn)
	if err != nil {
		return fmt.Errorf("identify server: %w", err)
	}
	now := server{id.SystemID, id.Timeline}
	if r.server == (server{}) {
		r.server = now
	}
	if now != r.server {
		return problem(ErrOtherServer, "system %s on timeline %d instead of %s on %d; start again to have the new one checked",
			now.systemID, now.timeline, r.server.systemID, r.server.timeline)
	}
	return nil
}

// comparePositions compares the slot with what was read before. The first time
// there is nothing to compare with; the caller of Run has looked.
func (r *Reader) comparePositions(ctx context.Context, slot Slot) error {
	if !r.resumed {
		r.trusted = slot.ConfirmedFlushLSN
		return nil
	}
	stored, _, err := r.cfg.Store.Position(ctx)
	switch {
	case err != nil:
		return err
	case slot.ConfirmedFlushLSN > max(stored, r.trusted):
		return problem(ErrPositions, "slot %q is acknowledged up to %s, but only %s is durable: somebody else read it, or it was made anew; "+
			"start again to have everything looked at", r.cfg.Slot, slot.ConfirmedFlushLSN, stored)
	case slot.CurrentLSN < stored:
		return problem(ErrPositions, "the server has written up to %s, but %s is durable already: it went back in time; "+
			"start again to have everything looked at", slot.CurrentLSN, stored)
	}
	return nil
}

// warnOfUnpublished tells of watched tables that the publication lacks. That is
// no error: between a new watch and its publication there is always a moment.
func (r *Reader) warnOfUnpublished(ctx context.Context, conn *pgconn.PgConn) error {
	rows, err := query(ctx, conn, "select schemaname || '.' || tablename from pg_catalog.pg_publication_tables where pubname = "+literal(r.cfg.Publication))
	if err != nil {
		return fmt.Errorf("read publication %s: %w", r.cfg.Publication, err)
	}
	published := map[string]bool{}
	for _, row := range rows {
		published[string(row[0])] = true
	}
	for _, w := range append([]Watch{{Table: WatchesTable}}, r.cfg.Watches...) {
		if !published[w.Table] {
			published[w.Table] = true // once
			r.cfg.Log.Warn("watched table is not published, so its changes are not noticed; run sql/contract/04_publication.sql again",
				"table", w.Table, "publication", r.cfg.Publication)
		}
	}
	return nil
}

// start sends START_REPLICATION from 0/0: the server begins at the slot's own
// position. A position of ours would be ignored when behind, and when ahead
// nothing would come, both without an error.
func (c *wire) start(ctx context.Context, slot, publication string) error {
	command := fmt.Sprintf("START_REPLICATION SLOT %s LOGICAL 0/0 (proto_version '1', publication_names %s, messages 'true')",
		identifier(slot), literal(identifier(publication)))
	request, err := (&pgproto3.Query{String: command}).Encode(nil)
	if err == nil {
		err = c.send(request)
	}
	if err != nil {
		return fmt.Errorf("start replication: %w", err)
	}
	deadline := c.now().Add(startPatience)
	for {
		kind, body, err := c.next(deadline)
		if err == nil {
			err = serverError(kind, body)
		}
		switch {
		case ctx.Err() != nil:
			return ctx.Err()
		case err != nil:
			return fmt.Errorf("start replication: %w", err)
		case kind == 'W':
			return nil
		case kind == 'C' || kind == 'Z':
			return problem(ErrProtocol, "the server does not begin to stream")
		}
	}
}

// query runs one statement with the simple protocol, the only one that a
// replication connection knows.
func query(ctx context.Context, conn *pgconn.PgConn, statement string) ([][][]byte, error) {
	results, err := conn.Exec(ctx, statement).ReadAll()
	if err != nil {
		return nil, err
	}
	return results[0].Rows, nil
}

func identifier(name string) string { return `"` + strings.ReplaceAll(name, `"`, `""`) + `"` }

func literal(text string) string { return "'" + strings.ReplaceAll(text, "'", "''") + "'" }
