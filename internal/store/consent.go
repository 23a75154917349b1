package store

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"
	"time"

	"github.com/jackc/pgx/v5"

	"rollcall/mapper"
	"rollcall/sql"
)

// consentFormat is the version of the file of WriteConsent.
const consentFormat = 1

// consentLine is a line of the file: a header, then one fact each, then the end,
// by which a file that was cut off is recognised. Its addresses are member data.
type consentLine struct {
	Header    *consentHeader `json:"rollcall_consent,omitempty"`
	OptOut    *keptOptOut    `json:"opt_out,omitempty"`
	Departure *keptDeparture `json:"departure,omitempty"`
	Erased    *keptErased    `json:"erased,omitempty"`
	Old       *keptOld       `json:"old_account,omitempty"`
	End       *Kept          `json:"end,omitempty"`
}

type consentHeader struct {
	Format    int       `json:"format"`
	Source    string    `json:"source"`
	WrittenAt time.Time `json:"written_at"`
	HashKey   []byte    `json:"hash_key,omitempty"` // of Erased
}

type keptOptOut struct {
	Association string         `json:"association"`
	Address     mapper.Address `json:"address"`
	Since       time.Time      `json:"since"`
}

type keptDeparture struct {
	Association string         `json:"association"`
	List        mapper.ListKey `json:"list"`
	Address     mapper.Address `json:"address"`
	Since       time.Time      `json:"since"`
}

// keptErased stands for somebody whose rows were erased: see Association.Erased.
type keptErased struct {
	Association string         `json:"association"`
	Hash        []byte         `json:"hash"`
	List        mapper.ListKey `json:"list,omitempty"` // empty: the opt-out
}

// keptOld is what an account before the present one showed of a person.
type keptOld struct {
	Association string              `json:"association"`
	Address     mapper.Address      `json:"address"`
	State       mapper.ContactState `json:"state"`
	Since       *time.Time          `json:"since,omitempty"`
}

// Kept counts what a file of consent holds.
type Kept struct {
	OptOuts    int `json:"opt_outs"`
	Departures int `json:"departures"`
	Erased     int `json:"erased"`
	OldAccount int `json:"old_account"`
}

func (k Kept) String() string {
	return fmt.Sprintf("%d opt-outs, %d departures, %d of erased people and %d of an account before", k.OptOuts, k.Departures, k.Erased, k.OldAccount)
}

// WriteConsent writes who opted out, who left a list, and who may not be mailed for
// what an account before the present one showed, for ReadConsent of
// another installation. What it writes is member data.
func (s *Store) WriteConsent(ctx context.Context, w io.Writer) (kept Kept, err error) {
	out := bufio.NewWriter(w)
	encoder := json.NewEncoder(out)
	tx, err := s.pool.BeginTx(ctx, pgx.TxOptions{IsoLevel: pgx.RepeatableRead, AccessMode: pgx.ReadOnly})
	if err != nil {
		return kept, fmt.Errorf("read consent: %w", err)
	}
	defer func() { _ = tx.Rollback(context.WithoutCancel(ctx)) }()
	header := consentHeader{Format: consentFormat, Source: s.source, WrittenAt: s.now().UTC()}
	err = tx.QueryRow(ctx, "select hash_key from rollcall_state.installation where source = $1", s.source).Scan(&header.HashKey)
	if err != nil && !errors.Is(err, pgx.ErrNoRows) {
		return kept, fmt.Errorf("read consent: %w", err)
	}
	if err := encoder.Encode(consentLine{Header: &header}); err != nil {
		return kept, fmt.Errorf("write consent: %w", err)
	}
	var o keptOptOut
	var d keptDeparture
	var e keptErased
	var old keptOld
	for _, part := range []struct {
		query string
		row   []any
		line  func() consentLine
	}{
		{
			"select association, address, since from rollcall_state.opt_out where source = $1 order by 1, 2",
			[]any{&o.Association, &o.Address, &o.Since},
			func() consentLine { kept.OptOuts++; return consentLine{OptOut: &o} },
		},
		{
			sql.Query("consent_departures"),
			[]any{&d.Association, &d.List, &d.Address, &d.Since},
			func() consentLine { kept.Departures++; return consentLine{Departure: &d} },
		},
		{
			"select association, hash, list from rollcall_state.erased where source = $1 order by 1, 2, 3",
			[]any{&e.Association, &e.Hash, &e.List},
			func() consentLine { kept.Erased++; return consentLine{Erased: &e} },
		},
		{
			sql.Query("consent_old_accounts"),
			[]any{&old.Association, &old.Address, &old.State, &old.Since},
			func() consentLine { kept.OldAccount++; return consentLine{Old: &old} },
		},
	} {
		rows, err := tx.Query(ctx, part.query, s.source)
		if err == nil {
			_, err = pgx.ForEachRow(rows, part.row, func() error { return encoder.Encode(part.line()) })
		}
		if err != nil {
			return kept, fmt.Errorf("write consent: %w", err)
		}
	}
	if err := encoder.Encode(consentLine{End: &kept}); err != nil {
		return kept, fmt.Errorf("write consent: %w", err)
	}
	if err := out.Flush(); err != nil {
		return kept, fmt.Errorf("write consent: %w", err)
	}
	return kept, nil
}

// ErrStateInUse says that a file of consent comes too late: what was lifted since
// it was written would hold again.
var ErrStateInUse = errors.New("this state has been used already; a file of consent belongs into a new one")

// ConsentError says which line of a file of consent cannot be used. It does not
// repeat the line, which is member data.
type ConsentError struct {
	Line    int
	Problem string
}

func (e *ConsentError) Error() string {
	return fmt.Sprintf("read file of consent: line %d %s; nothing was taken from it", e.Line, e.Problem)
}

// mostLine bounds a line of a file of consent, in bytes.
const mostLine = 64 << 10

// ConsentSource is the name of the source whose consent a file holds.
func ConsentSource(r io.Reader) (string, error) {
	lines := newConsentLines(r)
	line, err := lines.next()
	if err != nil {
		return "", err
	}
	return line.Header.Source, nil
}

// ReadConsent takes in what WriteConsent wrote, all or nothing, into a state that
// no plan has used yet. The database is recorded as the source's. A file that
// cannot be used is a *ConsentError.
func (s *Store) ReadConsent(ctx context.Context, r io.Reader, database Installation) (kept Kept, err error) {
	if _, err := s.Installation(ctx, database); err != nil {
		return kept, err
	}
	err = s.begin(ctx, "keep consent", func(tx pgx.Tx) error {
		var used bool
		err := tx.QueryRow(ctx, `select exists (select from rollcall_state.position where source = $1 and full_pass_at is not null)
			or exists (select from rollcall_state.rep_seen where source = $1)`, s.source).Scan(&used)
		if err != nil {
			return err
		}
		if used {
			return ErrStateInUse
		}
		kept, err = s.takeConsent(ctx, tx, newConsentLines(r))
		return err
	})
	return kept, err
}

func (s *Store) takeConsent(ctx context.Context, tx pgx.Tx, lines *consentLines) (kept Kept, err error) {
	var batch pgx.Batch
	send := func(most int) error {
		if batch.Len() < most {
			return nil
		}
		err := tx.SendBatch(ctx, &batch).Close()
		batch = pgx.Batch{}
		return err
	}
	for {
		line, err := lines.next()
		if err != nil {
			return kept, err
		}
		switch {
		case line.Header != nil:
			if line.Header.Source != s.source {
				return kept, lines.problem(fmt.Sprintf("says that it is of source %q, and this is %q: set source.name to the former", line.Header.Source, s.source))
			}
			if len(line.Header.HashKey) > 0 {
				batch.Queue("update rollcall_state.installation set hash_key = $2 where source = $1 and hash_key is null", s.source, line.Header.HashKey)
			}
		case line.OptOut != nil:
			kept.OptOuts++
			batch.Queue(sql.Query("consent_opt_out"), s.source, line.OptOut.Association, string(line.OptOut.Address), line.OptOut.Since)
		case line.Departure != nil:
			kept.Departures++
			batch.Queue(sql.Query("consent_departure"), s.source, line.Departure.Association, string(line.Departure.List), string(line.Departure.Address), line.Departure.Since)
		case line.Erased != nil:
			kept.Erased++
			batch.Queue("insert into rollcall_state.erased (source, association, hash, list) values ($1, $2, $3, $4) on conflict do nothing",
				s.source, line.Erased.Association, line.Erased.Hash, string(line.Erased.List))
		case line.Old != nil:
			kept.OldAccount++
			batch.Queue("insert into rollcall_state.old_account (source, association, address, state, since) values ($1, $2, $3, $4, $5) on conflict do nothing",
				s.source, line.Old.Association, string(line.Old.Address), string(line.Old.State), line.Old.Since)
		case line.End != nil:
			if *line.End != kept {
				return kept, lines.problem("ends a file from which lines are missing")
			}
			return kept, send(1)
		}
		if err := send(marksPiece); err != nil {
			return kept, err
		}
	}
}

// consentLines reads a file of consent.
type consentLines struct {
	scanner *bufio.Scanner
	line    int
}

func newConsentLines(r io.Reader) *consentLines {
	scanner := bufio.NewScanner(r)
	scanner.Buffer(nil, mostLine)
	return &consentLines{scanner: scanner}
}

func (l *consentLines) problem(text string) error { return &ConsentError{Line: l.line, Problem: text} }

// next is the next line, with one fact that can be used. The first one is the
// header.
func (l *consentLines) next() (line consentLine, err error) {
	l.line++
	if !l.scanner.Scan() {
		if errors.Is(l.scanner.Err(), bufio.ErrTooLong) {
			return line, l.problem("is too long")
		}
		if err := l.scanner.Err(); err != nil {
			return line, fmt.Errorf("read file of consent: %w", err)
		}
		return line, l.problem("is missing: the file was cut off")
	}
	decoder := json.NewDecoder(strings.NewReader(l.scanner.Text()))
	decoder.DisallowUnknownFields()
	if err := decoder.Decode(&line); err != nil || decoder.More() {
		return line, l.problem("is not of a file that rollcall uninstall wrote")
	}
	facts := 0
	for _, there := range []bool{line.Header != nil, line.OptOut != nil, line.Departure != nil, line.Erased != nil, line.Old != nil, line.End != nil} {
		if there {
			facts++
		}
	}
	switch {
	case line.Old != nil && !slices.Contains(oldStates, line.Old.State):
		return line, l.problem("says a state that keeps nobody off")
	case facts != 1 || (line.Header != nil) != (l.line == 1):
		return line, l.problem("is not of a file that rollcall uninstall wrote")
	case line.Header != nil && line.Header.Format != consentFormat:
		return line, l.problem(fmt.Sprintf("says format %d; this version reads %d", line.Header.Format, consentFormat))
	case line.OptOut != nil && !usable(line.OptOut.Association, line.OptOut.Address),
		line.Departure != nil && (!usable(line.Departure.Association, line.Departure.Address) || line.Departure.List == ""),
		line.Old != nil && !usable(line.Old.Association, line.Old.Address),
		line.Erased != nil && (line.Erased.Association == "" || len(line.Erased.Hash) == 0):
		return line, l.problem("lacks an association, an address or a list that can be used")
	}
	return line, nil
}

// oldStates are what an account before can keep somebody off for.
var oldStates = []mapper.ContactState{mapper.ContactUnsubscribed, mapper.ContactDeleted, mapper.ContactOnHold}

// usable says whether a fact is about an address as plans know it.
func usable(association string, address mapper.Address) bool {
	normal, problem := mapper.Normalize(string(address))
	return association != "" && problem == "" && normal == address && !strings.ContainsRune(association, 0)
}
