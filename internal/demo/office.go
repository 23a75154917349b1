package demo

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/jackc/pgx/v5"

	"rollcall/internal/ccsim"
	"rollcall/mapper"
)

// office plays the script and watches what comes of it.
type office struct {
	sim         *ccsim.Sim
	account     string
	association string
	member      *pgx.Conn // as the member application
	now         func() time.Time
	decide      func(ctx context.Context, address mapper.Address) ([]mapper.Decision, error)
}

// Outcome is what came of one step.
type Outcome struct {
	Title     string     `json:"title"`
	SQL       string     `json:"sql,omitempty"`
	Who       string     `json:"who"`
	Decisions []Decision `json:"decisions"`
	Calls     []string   `json:"calls"`
	Lists     []string   `json:"lists"` // of the script's lists, those with the person
	Want      []string   `json:"want"`
	Seconds   float64    `json:"seconds"` // from commit until Constant Contact showed the outcome and nothing was left to do
	OK        bool       `json:"ok"`
	Wrong     string     `json:"wrong,omitempty"` // what is not as the script wants it
}

// Decision is what Rollcall says of one list.
type Decision struct {
	List    string         `json:"list"`
	Verdict mapper.Verdict `json:"verdict"`
	Reason  mapper.Reason  `json:"reason,omitempty"`
}

// stepPatience is how long a step may take before it counts as wrong.
const stepPatience = 2 * time.Minute

// play does one step and waits until nothing is left to do.
func (o *office) play(ctx context.Context, s step) (Outcome, error) {
	out := Outcome{Title: s.title, SQL: s.sql, Who: s.who, Want: s.want}
	calls := len(o.sim.Requests())
	if s.there != nil {
		if err := s.there(o); err != nil {
			return out, fmt.Errorf("play %q in Constant Contact: %w", s.title, err)
		}
	}
	committed := o.now()
	if s.sql != "" {
		sql := strings.ReplaceAll(s.sql, "$1", o.association)
		if _, err := o.member.Exec(ctx, sql); err != nil {
			return out, fmt.Errorf("play %q: %w", s.title, err)
		}
		committed = o.now()
	}
	err := o.settle(ctx, stepPatience)
	out.Seconds = o.now().Sub(committed).Seconds()
	if errors.Is(err, errUnsettled) {
		out.Wrong = fmt.Sprintf("still at work after %s", stepPatience)
	} else if err != nil {
		return out, err
	}
	for _, r := range o.sim.Requests()[calls:] {
		out.Calls = append(out.Calls, fmt.Sprintf("%s %s → %d", r.Method, r.Path, r.Status))
	}
	if err := o.check(ctx, s, &out); err != nil {
		return out, err
	}
	out.OK = out.Wrong == ""
	return out, nil
}

// check compares the outcome with the script's constants.
func (o *office) check(ctx context.Context, s step, out *Outcome) error {
	for _, list := range []string{everybody, harbour, committee, board} {
		if slices.Contains(o.sim.ListAddresses(o.account, list), s.who) {
			out.Lists = append(out.Lists, list)
		}
	}
	if !slices.Equal(out.Lists, s.want) {
		out.Wrong = fmt.Sprintf("on %d lists, want %d", len(out.Lists), len(s.want))
	}
	address, problem := mapper.Normalize(s.who)
	if problem != "" {
		out.Decisions = []Decision{{List: "any", Verdict: mapper.None, Reason: problem}}
	} else {
		decisions, err := o.decide(ctx, address)
		if err != nil {
			return err
		}
		for _, d := range decisions {
			out.Decisions = append(out.Decisions, Decision{List: string(d.List), Verdict: d.Verdict, Reason: d.Reason})
		}
	}
	found := s.reason == "" || slices.ContainsFunc(out.Decisions, func(d Decision) bool { return string(d.Reason) == s.reason })
	if !found {
		out.Wrong = strings.TrimPrefix(out.Wrong+"; no decision has the reason "+s.reason, "; ")
	}
	return nil
}

var errUnsettled = errors.New("rollcall is still at work")

// settled says that everything committed so far is done: read from the stream,
// planned, sent and confirmed.
const settled = `
select coalesce((select durable_lsn >= $1::pg_lsn and touch_all_after is null and full_pass_at is not null from rollcall_state.position), false)
    and not exists (select from rollcall_state.touched)
    and not exists (select from rollcall_state.dirty where coalesce(not_before, now()) < now() + interval '10 minutes')
    and not exists (select from rollcall_state.request where state in ('pending', 'running'))
    and not exists (select from rollcall_state.activity where state in ('intended', 'sent', 'unknown'))`

// settle waits until Rollcall has nothing left to do.
func (o *office) settle(ctx context.Context, patience time.Duration) error {
	var lsn string
	// A position behind the last commit, and something for the stream to carry
	// beyond it.
	err := o.member.QueryRow(ctx, "select pg_current_wal_insert_lsn()::text").Scan(&lsn)
	if err != nil {
		return fmt.Errorf("read position: %w", err)
	}
	if _, err := o.member.Exec(ctx, "select rollcall.touch('rep', '0')"); err != nil {
		return fmt.Errorf("write marker: %w", err)
	}
	ctx, cancel := context.WithTimeout(ctx, patience)
	defer cancel()
	tick := time.NewTicker(50 * time.Millisecond)
	defer tick.Stop()
	for {
		var done bool
		err := o.member.QueryRow(ctx, settled, lsn).Scan(&done)
		if err != nil && ctx.Err() == nil {
			return fmt.Errorf("look whether all is done: %w", err)
		}
		if done {
			return nil
		}
		select {
		case <-ctx.Done():
			return errors.Join(errUnsettled, context.Cause(ctx))
		case <-tick.C:
		}
	}
}
