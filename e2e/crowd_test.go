package e2e

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"testing"

	"github.com/jackc/pgx/v5"

	"rollcall/internal/chamber"
)

// crowd is people who do something in Constant Contact themselves, and remembers
// what they did.
type crowd struct {
	w      *world
	rand   *rand.Rand
	office *pgx.Conn

	targets []string        // addresses of those who may do something
	gone    map[string]bool // addresses that unsubscribed or were deleted
	left    map[pair]bool
}

// pair is an address on a list.
type pair struct{ list, address string }

func newCrowd(t *testing.T, w *world, seed uint64) *crowd {
	t.Helper()
	c := &crowd{w: w, rand: rand.New(rand.NewPCG(seed, 2)), office: w.db.Conn(t), gone: map[string]bool{}, left: map[pair]bool{}}
	c.chooseTargets(t)
	return c
}

// chooseTargets takes people whose addresses are theirs alone and stay: the
// consent of somebody who then changes the address follows to the new one, which
// the plain statement of package chamber cannot see.
func (c *crowd) chooseTargets(t *testing.T) {
	t.Helper()
	rows, err := c.office.Query(t.Context(), `select lower(btrim(email)) from chamber.rep
		where rep_id % 16 = 0 and active and not opted_out and email ~ '^[A-Za-z0-9_.+-]+@[A-Za-z0-9.-]+$'
		and (select count(*) from chamber.rep s where lower(btrim(s.email)) = lower(btrim(rep.email))) = 1 order by rep_id`)
	if err != nil {
		t.Fatal(err)
	}
	if c.targets, err = pgx.CollectRows(rows, pgx.RowTo[string]); err != nil {
		t.Fatal(err)
	}
	if len(c.targets) == 0 {
		t.Fatalf("%d people to do something", len(c.targets))
	}
}

// sharesTarget says whether the statement gives somebody else the address of one
// of the targets.
func (c *crowd) sharesTarget(t *testing.T, s chamber.Statement) bool {
	t.Helper()
	if len(s.Args) != 2 {
		return false
	}
	var concerned bool
	err := c.office.QueryRow(t.Context(), `select $1 like '%set email = c.email%' and exists (
		select from chamber.rep where rep_id::text = $2 and lower(btrim(email)) = any($3))`, s.SQL, fmt.Sprint(s.Args[1]), c.targets).Scan(&concerned)
	if err != nil {
		t.Fatal(err)
	}
	return concerned
}

// somebodyActs is somebody who unsubscribes, leaves a list or is deleted: one of
// those whom the program has put on a list and been told so.
func (c *crowd) somebodyActs(t *testing.T) {
	t.Helper()
	rows, err := c.w.member.Query(t.Context(), `select l.name, g.address from rollcall_state.ledger g
		join rollcall_state.list l on l.key = g.list
		where g.told = 'add' and g.confirmed and g.shown <> 'off' and g.departed_at is null and g.address = any($1)
		and not exists (select from rollcall_state.intent i join rollcall_state.activity a on a.id = i.activity
			where i.address = g.address and a.state in ('intended', 'sent', 'unknown'))
		order by g.address, l.name`, c.targets)
	if err != nil {
		t.Fatal(err)
	}
	pairs, err := pgx.CollectRows(rows, func(row pgx.CollectableRow) (x pair, err error) {
		return x, row.Scan(&x.list, &x.address)
	})
	if err != nil {
		t.Fatal(err)
	}
	pairs = slices.DeleteFunc(pairs, func(x pair) bool {
		return c.gone[x.address] || c.left[x] || !slices.Contains(c.w.sim.ListAddresses(account, x.list), x.address)
	})
	if len(pairs) == 0 {
		return
	}
	switch x := pairs[c.rand.IntN(len(pairs))]; c.rand.IntN(4) {
	case 0:
		c.w.must(t, c.w.sim.Unsubscribe(account, x.address))
		c.gone[x.address] = true
	case 1:
		c.w.must(t, c.w.sim.DeleteContact(account, x.address))
		c.gone[x.address] = true
	default:
		c.w.must(t, c.w.sim.Leave(account, x.address, x.list))
		c.left[x] = true
	}
}
