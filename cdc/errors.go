package cdc

import (
	"errors"
	"fmt"

	"github.com/jackc/pgx/v5/pgconn"
)

// Errors that a caller may want to tell apart. Each comes wrapped in what was
// tried, where, and what to do. But for ErrSlotInUse, which Run waits out,
// waiting does not mend them: Run and Prepare return them.
var (
	ErrWALLevel           = errors.New("wal_level is not logical")
	ErrRecovery           = errors.New("the server is a stand-by")
	ErrNoReplication      = errors.New("the role may not replicate")
	ErrRefused            = errors.New("the server refuses the login")
	ErrPublicationMissing = errors.New("publication is missing")
	ErrSlotMissing        = errors.New("slot is missing")
	ErrSlotInUse          = errors.New("slot is in use")
	ErrSlotLost           = errors.New("slot has lost its write-ahead log")
	ErrSlotForeign        = errors.New("slot belongs to another database or plugin")
	ErrSlotWaits          = errors.New("slot cannot be created while older transactions are open")
	ErrSlotsExhausted     = errors.New("all replication slots are taken")
	// ErrPositions says that the slot and the stored position do not belong
	// together: somebody else read the slot, or the server lost what it had
	// written. Whoever starts again has to touch everything.
	ErrPositions = errors.New("slot and stored position differ")
	// ErrOtherServer says that another server, or the same one on another
	// timeline, answers at the address.
	ErrOtherServer = errors.New("another server answers")
	// ErrLogMissing and ErrLogRefused say that the log of changes cannot be read,
	// where triggers capture them.
	ErrLogMissing = errors.New("log of changes is missing")
	ErrLogRefused = errors.New("log of changes may not be read")
	// ErrUnknownRelation and ErrProtocol say that the stream cannot be decoded.
	// Nothing of it is skipped.
	ErrUnknownRelation = errors.New("stream did not describe the table")
	ErrProtocol        = errors.New("stream cannot be decoded")
	// ErrWatchesChanged ends Run after a change of rollcall.watches: everything
	// before it is durable. Read the watches, touch everything, run again.
	ErrWatchesChanged = errors.New("watches changed")
)

// lasting are the errors that Run returns.
var lasting = []error{
	ErrWALLevel, ErrRecovery, ErrNoReplication, ErrRefused, ErrPublicationMissing, ErrSlotMissing, ErrSlotLost, ErrSlotForeign,
	ErrPositions, ErrOtherServer, ErrLogMissing, ErrLogRefused, ErrUnknownRelation, ErrProtocol, ErrWatchesChanged,
}

// Passing says whether waiting may mend an error: it is none of those that Run
// returns.
func Passing(err error) bool { return passing(err) }

// passing says whether an error may pass by itself.
func passing(err error) bool {
	for _, l := range lasting {
		if errors.Is(err, l) {
			return false
		}
	}
	return true
}

// problem is an error of the list above with what to do about it.
func problem(kind error, format string, args ...any) error {
	return fmt.Errorf("%w: %s", kind, fmt.Sprintf(format, args...))
}

// streamError types what the server answers to a replication connection, by
// SQLSTATE. What inspect has ruled out before comes here only when it changed
// in between.
func streamError(err error, cfg Config) error {
	var pgErr *pgconn.PgError
	if !errors.As(err, &pgErr) {
		return err
	}
	switch pgErr.Code {
	case "55006": // object_in_use
		return problem(ErrSlotInUse, "slot %q (SQLSTATE %s); to see by whom: select active_pid from pg_replication_slots where slot_name = %s",
			cfg.Slot, pgErr.Code, literal(cfg.Slot))
	case "42704": // undefined_object
		return problem(ErrPublicationMissing, "the stream of slot %q needs publication %q as of a moment when it did not exist (SQLSTATE %s); "+
			"see that it exists, then give the slot up with select pg_drop_replication_slot(%s) and start again: everything is looked at anew",
			cfg.Slot, cfg.Publication, pgErr.Code, literal(cfg.Slot))
	case "42501": // insufficient_privilege
		return noReplication(cfg.Conn.User)
	case "28000", "28P01", "3D000": // authorization, password, database
		return problem(ErrRefused, "user %q, database %q for replication (SQLSTATE %s); look at the address, the password and the server's pg_hba.conf",
			cfg.Conn.User, cfg.Conn.Database, pgErr.Code)
	}
	return err
}

// startError types what the server answers to START_REPLICATION. It asks for the slot
// only: publications are looked for when there is something to send.
func startError(err error, cfg Config) error {
	var pgErr *pgconn.PgError
	if errors.As(err, &pgErr) && pgErr.Code == "42704" { // undefined_object
		return missing(cfg.Slot)
	}
	return err
}

func missing(slot string) error {
	return problem(ErrSlotMissing, "slot %q; start again to have it made and everything looked at", slot)
}

func noReplication(user string) error {
	return problem(ErrNoReplication, "have a superuser run alter role %s replication", identifier(user))
}

func lost(slot string) error {
	return problem(ErrSlotLost, "slot %q; drop it with select pg_drop_replication_slot(%s) and start again: everything is looked at anew. "+
		"max_slot_wal_keep_size and, since version 18, idle_replication_slot_timeout decide how long the server keeps it", slot, literal(slot))
}
