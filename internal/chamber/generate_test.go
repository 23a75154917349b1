package chamber_test

import (
	"context"
	"fmt"
	"regexp"
	"strings"
	"testing"

	"github.com/jackc/pgx/v5"

	"rollcall/internal/chamber"
	"rollcall/mapper"
)

func generate(t *testing.T, conn *pgx.Conn, o chamber.Options) chamber.Summary {
	t.Helper()
	s, err := chamber.Generate(context.Background(), conn, o)
	if err != nil {
		t.Fatal(err)
	}
	return s
}

// fingerprint is a hash of every row of the example schema.
func fingerprint(t *testing.T, conn *pgx.Conn) string {
	t.Helper()
	var all strings.Builder
	for _, table := range column[string](t, conn, "select relname::text from pg_class where relnamespace = 'chamber'::regnamespace and relkind = 'r' order by 1") {
		sum := column[string](t, conn, fmt.Sprintf("select coalesce(md5(string_agg(x::text, '|' order by x::text)), '') from chamber.%s x", table))
		fmt.Fprintf(&all, "%s %s\n", table, sum[0])
	}
	return all.String()
}

func TestGenerateFollowsFromTheSeed(t *testing.T) {
	prints := make(map[uint64]string)
	for _, seed := range []uint64{1, 1, 2} {
		conn := database(t)
		generate(t, conn, chamber.Options{Seed: seed, Associations: 2, Reps: 200, Groups: 12})
		got := fingerprint(t, conn)
		if before, again := prints[seed]; again && got != before {
			t.Errorf("seed %d gave\n%s\nthen\n%s", seed, before, got)
		}
		prints[seed] = got
	}
	if prints[1] == prints[2] {
		t.Error("two seeds gave the same rows")
	}
}

func TestGenerateMakesWhatTheSummarySays(t *testing.T) {
	conn := database(t)
	for _, o := range []chamber.Options{{Seed: 1, Associations: 3, Reps: 101, Groups: 4}, {Seed: 2, Associations: 1, Reps: 7, Groups: 90}, {Associations: 1}} {
		s := generate(t, conn, o) // the second and third beside the first
		if s.Reps.Len() != int64(o.Associations*o.Reps) || s.Groups.Len() != int64(o.Associations*o.Groups) {
			t.Errorf("%+v: asked for %+v", s, o)
		}
		for what, ids := range map[string]chamber.IDs{"association": s.Associations, "member": s.Members, "rep": s.Reps} {
			got := column[int64](t, conn, fmt.Sprintf("select count(*) from chamber.%[1]s where %[1]s_id between $1 and $2", what), ids.First, ids.Last)
			if got[0] != ids.Len() {
				t.Errorf("chamber.%s has %d of the keys %+v", what, got[0], ids)
			}
		}
		n := column[int64](t, conn, "select count(*) from chamber.group_membership where group_id between $1 and $2", s.Groups.First, s.Groups.Last)
		if n[0] != s.Memberships {
			t.Errorf("%d group memberships, the summary says %d", n[0], s.Memberships)
		}
	}
	if _, err := conn.Exec(context.Background(), "insert into chamber.association (name) values ('Next')"); err != nil {
		t.Errorf("insert behind the generated keys: %v", err)
	}
}

func TestGenerateRefusesNonsense(t *testing.T) {
	if _, err := chamber.Generate(context.Background(), nil, chamber.Options{Reps: 5}); err == nil {
		t.Error("no association: want an error")
	}
}

// The shares are what the tests of other packages count on.
func TestGenerateIsLikeARealChamber(t *testing.T) {
	conn := database(t)
	generate(t, conn, chamber.Options{Seed: 3, Associations: 2, Reps: 4000, Groups: 60})
	for _, c := range []struct {
		what, share string
		least, most float64 // per cent
	}{
		{"reps without an address", "select avg((coalesce(email, '') = '')::int) from chamber.rep", 1, 3},
		{"reps with an unusual spelling", "select avg((email <> lower(btrim(email, E' \\t\\r\\n')))::int) from chamber.rep", 3, 8},
		{"reps with an address that others have, too", "select avg((n > 1)::int) from (select count(*) over (partition by association_id, lower(email)) n from chamber.rep where email <> '') x", 3, 12},
		{"inactive reps", "select avg((not active)::int) from chamber.rep", 3, 5},
		{"opted-out reps", "select avg(opted_out::int) from chamber.rep", 2, 4},
		{"reps without a member", "select avg((member_id is null)::int) from chamber.rep", 2, 2},
		{"active members", "select avg((status = 'active')::int) from chamber.member", 77, 83},
		{"courtesy members", "select avg((status = 'courtesy')::int) from chamber.member", 3, 7},
		{"members with several types", "select avg((n > 1)::int) from (select count(*) n from chamber.member_type group by member_id) x", 20, 40},
		{"unticked groups", "select avg((not sync)::int) from chamber.rep_group", 18, 42},
		{"disabled memberships", "select avg(disabled::int) from chamber.group_membership", 6, 10},
		{"memberships of people who are no active members", `select avg((m.status is null or m.status not in ('active', 'courtesy'))::int)
			from chamber.group_membership join chamber.rep r using (rep_id) left join chamber.member m using (member_id)`, 10, 22},
		{"reps in the largest group", "select max(n) / 4000.0 from (select count(*) n from chamber.group_membership group by group_id) x", 10, 22},
		{"groups of 5 to 80", "select avg((n between 5 and 80)::int) from (select count(*) n from chamber.group_membership group by group_id) x", 75, 95},
		{"group names that an association has twice", "select count(*) - count(distinct (association_id, name)) from chamber.rep_group", 0, 0},
		{"lists of one name", "select count(*) from chamber.rep_group join chamber.membership_type t using (association_id) where lower(t.name) = lower(rep_group.name)", 0, 0},
	} {
		got := 100 * column[float64](t, conn, fmt.Sprintf("select (%s)::float8", c.share))[0]
		if got < c.least || got > c.most {
			t.Errorf("%s: %.1f %%, want %g to %g", c.what, got, c.least, c.most)
		}
	}
}

var exampleDomain = regexp.MustCompile(`(?i)@([a-z0-9-]+\.)*example\.(org|com|net)$`)

// Addresses lead nowhere, fit an import (50 characters), and whatever Expected
// speaks about is an address to the program as well, and the other way round.
func TestGeneratedAddresses(t *testing.T) {
	conn := database(t)
	s := generate(t, conn, chamber.Options{Seed: 4, Associations: 1, Reps: 3000, Groups: 5})
	for change := range chamber.Changes(4, s, 2000) {
		apply(t, conn, change)
	}
	expected, err := chamber.Expected(context.Background(), conn)
	if err != nil {
		t.Fatal(err)
	}
	spokenOf := make(map[mapper.Address]bool)
	for _, e := range expected {
		spokenOf[mapper.Address(e.Address)] = true
	}
	invalid := 0
	for _, email := range column[string](t, conn, "select email from chamber.rep where email <> ''") {
		address, reason := mapper.Normalize(email)
		if reason != "" {
			invalid++
			if spokenOf[mapper.Address(strings.ToLower(strings.TrimSpace(email)))] {
				t.Errorf("%q is no address (%s), but Expected speaks of it", email, reason)
			}
			continue
		}
		if !spokenOf[address] {
			t.Errorf("Expected says nothing of %q", email)
		}
		if !exampleDomain.MatchString(string(address)) || len(address) > 50 {
			t.Errorf("%q: want an example domain and at most 50 characters", email)
		}
	}
	if invalid < 30 || invalid > 90 {
		t.Errorf("%d invalid addresses of 3000, want about 60", invalid)
	}
}
