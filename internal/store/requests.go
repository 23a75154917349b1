package store

import (
	"context"
	"fmt"
	"time"

	"github.com/jackc/pgx/v5"

	"rollcall/mapper"
)

// Request is what somebody asked for by SQL.
type Request struct {
	ID      int64
	Content RequestContent
	XID     uint64 // zero: visible
	AskedAt time.Time
	State   string // pending or running
}

// RequestContent is the content of a logical message with our prefix.
type RequestContent struct {
	Version     int     `json:"v"`
	Ask         string  `json:"ask"` // sync_now or touch; by a command also reconcile, allow_back and retry
	Group       string  `json:"group,omitempty"`
	Association *string `json:"association,omitempty"`
	Kind        string  `json:"kind,omitempty"`    // touch
	Key         string  `json:"key,omitempty"`     // touch
	Address     string  `json:"address,omitempty"` // allow_back and retry
	List        string  `json:"list,omitempty"`    // allow_back: a list's key; empty: every list
}

// Answer is how a request ended.
type Answer struct {
	Reason mapper.Reason `json:"reason,omitempty"` // of a refusal
	Detail string        `json:"detail,omitempty"` // what to do, without member data
	List   string        `json:"list,omitempty"`
	OnList int           `json:"on_list"` // people shown on the list when the request was taken up
	Queued int           `json:"queued"`  // addresses checked
}

// Requests reads the requests that are not answered, the oldest first.
func (s *Store) Requests(ctx context.Context) ([]Request, error) {
	rows, err := s.pool.Query(ctx, `select id, content, coalesce(xid::text::bigint, 0), asked_at, state
		from rollcall_state.request where source = $1 and state in ('pending', 'running') order by id`, s.source)
	if err != nil {
		return nil, fmt.Errorf("read requests: %w", err)
	}
	requests, err := pgx.CollectRows(rows, pgx.RowToStructByPos[Request])
	if err != nil {
		return nil, fmt.Errorf("read requests: %w", err)
	}
	return requests, nil
}

// SetRequest records how far a request is: running, done or refused.
func (s *Store) SetRequest(ctx context.Context, id int64, state string, answer Answer) error {
	var ended *time.Time
	if state != "running" {
		t := s.now()
		ended = &t
	}
	_, err := s.pool.Exec(ctx, `update rollcall_state.request set state = $2, answer = $3, ended_at = $4 where id = $1`, id, state, answer, ended)
	if err != nil {
		return fmt.Errorf("record request: %w", err)
	}
	return nil
}

// MakeExact queues addresses for a list from which everybody not wanted is to
// go: those given, and those that the ledger has for the list.
func (a *Association) MakeExact(ctx context.Context, list mapper.ListKey, addresses []mapper.Address) (queued int, err error) {
	tag, err := a.pool.Exec(ctx, `insert into rollcall_state.dirty as d (source, association, address, touched_at, exact)
		select $1, $2, x.address, $5, array[$3::text]
		from (select unnest($4::text[]) as address
			union select address from rollcall_state.ledger where source = $1 and association = $2 and list = $3) x
		on conflict (source, association, address) do update
		set version = d.version + 1, not_before = null,
		    exact = case when $3 = any(d.exact) then d.exact else d.exact || $3::text end`,
		a.source, a.id, string(list), addressStrings(addresses), a.now())
	if err != nil {
		return 0, fmt.Errorf("queue list: %w", err)
	}
	return int(tag.RowsAffected()), nil
}

// ExactLeft says whether addresses still wait because of an exact list, or
// calls about the list are on their way.
func (a *Association) ExactLeft(ctx context.Context, list mapper.ListKey) (bool, error) {
	var left bool
	err := a.pool.QueryRow(ctx, `select exists (select from rollcall_state.dirty
			where source = $1 and association = $2 and $3 = any(exact))
		or exists (select from rollcall_state.intent i join rollcall_state.activity a on a.id = i.activity
			where a.source = $1 and a.association = $2 and i.list = $3 and a.state in ('intended', 'sent', 'unknown'))`,
		a.source, a.id, string(list)).Scan(&left)
	if err != nil {
		return false, fmt.Errorf("read rest of list: %w", err)
	}
	return left, nil
}

// ListSize is how many people we believe to be on a list.
func (a *Association) ListSize(ctx context.Context, list mapper.ListKey) (int, error) {
	var n int
	err := a.pool.QueryRow(ctx, `select count(*) from rollcall_state.ledger
		where source = $1 and association = $2 and list = $3 and (shown = 'on' or told = 'add' and shown <> 'off')`,
		a.source, a.id, string(list)).Scan(&n)
	if err != nil {
		return 0, fmt.Errorf("count list: %w", err)
	}
	return n, nil
}
