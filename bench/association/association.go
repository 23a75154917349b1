// Package association fills a database with an association of any size, for
// benches, and with the state of Rollcall as after its first sync.
package association

import (
	"context"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"

	"rollcall/internal/store"
	"rollcall/mapper"
	"rollcall/sql"
)

// Types is how many membership types an association has.
const Types = 5

// Source is the name of the database in the state, and AllActive that of its list.
const (
	Source    = "bench"
	AllActive = "All Active and Courtesy Representatives"
)

// Size is how large an association is. Every rep is on the list of everybody, on
// that of a type, and on those of some groups.
type Size struct {
	Reps   int
	Groups int
	OfARep int // groups, at most Groups
}

// Members makes the schema, the contract and the association.
func (s Size) Members(ctx context.Context, pool *pgxpool.Pool) error {
	for _, script := range append(sql.Reference(), sql.Contract()...) {
		if _, err := pool.Exec(ctx, script); err != nil {
			return err
		}
	}
	return s.run(ctx, pool, append(members, "vacuum analyze"), 0)
}

// State makes the state of a first sync of what Members made. contactID is the id
// of a rep's contact.
func (s Size) State(ctx context.Context, pool *pgxpool.Pool, contactID func(rep int64) string) error {
	if err := store.Migrate(ctx, pool); err != nil {
		return err
	}
	// Indexes are made faster over rows that are there.
	drop, create, err := indexes(ctx, pool)
	if err != nil {
		return err
	}
	if err := s.run(ctx, pool, drop, 0); err != nil {
		return err
	}
	if err := s.contacts(ctx, pool, contactID); err != nil {
		return err
	}
	return s.run(ctx, pool, slices.Concat(state, create, []string{"vacuum analyze"}), 0)
}

// indexes are the statements that drop and make those indexes of the state's large
// tables that no constraint needs.
func indexes(ctx context.Context, pool *pgxpool.Pool) (drop, create []string, err error) {
	rows, err := pool.Query(ctx, `select 'drop index ' || i.indexrelid::regclass, pg_get_indexdef(i.indexrelid)
		from pg_index i
		where i.indrelid in ('rollcall_state.ledger'::regclass, 'rollcall_state.contact'::regclass, 'rollcall_state.rep_seen'::regclass, 'rollcall_state.rep_now'::regclass)
		  and not exists (select from pg_constraint c where c.conindid = i.indexrelid)`)
	if err != nil {
		return nil, nil, err
	}
	var one, other string
	_, err = pgx.ForEachRow(rows, []any{&one, &other}, func() error {
		drop, create = append(drop, one), append(create, other)
		return nil
	})
	return drop, create, err
}

// ContactID is an id for contacts that no Constant Contact has.
func ContactID(rep int64) string { return "c-" + strconv.FormatInt(rep, 10) }

// contacts records everybody as told and read.
func (s Size) contacts(ctx context.Context, pool *pgxpool.Pool, contactID func(rep int64) string) error {
	rows, err := pool.Query(ctx, `select r.rep_id, r.email, r.first_name, r.last_name, m.name, r.job_title
		from chamber.rep r join chamber.member m on m.member_id = r.member_id order by r.rep_id`)
	if err != nil {
		return err
	}
	defer rows.Close()
	readAt := time.Date(2026, 6, 30, 3, 5, 0, 0, time.UTC)
	_, err = pool.CopyFrom(ctx, pgx.Identifier{"rollcall_state", "contact"},
		[]string{"source", "association", "address", "contact_id", "state", "read_at", "fields_rep", "fields", "lists"},
		pgx.CopyFromFunc(func() ([]any, error) {
			if !rows.Next() {
				return nil, rows.Err()
			}
			var rep int64
			var address string
			var f mapper.Fields
			if err := rows.Scan(&rep, &address, &f.FirstName, &f.LastName, &f.Company, &f.JobTitle); err != nil {
				return nil, err
			}
			f.Rep = mapper.RepID(strconv.FormatInt(rep, 10))
			return []any{Source, "1", address, contactID(rep), string(mapper.ContactActive), readAt, string(f.Rep), f.Fingerprint(), s.OfARep + 2}, nil
		}))
	return err
}

// Outcasts makes one of so many reps inactive, one unsubscribed and one new since.
func (s Size) Outcasts(ctx context.Context, pool *pgxpool.Pool, every int) error {
	return s.run(ctx, pool, append(outcasts, "vacuum analyze"), every)
}

func (s Size) run(ctx context.Context, pool *pgxpool.Pool, statements []string, outcastsEvery int) error {
	numbers := strings.NewReplacer("{reps}", strconv.Itoa(s.Reps), "{groups}", strconv.Itoa(s.Groups), "{types}", strconv.Itoa(Types),
		"{groups of a rep}", strconv.Itoa(s.OfARep), "{outcasts every}", strconv.Itoa(outcastsEvery))
	conn, err := pool.Acquire(ctx)
	if err != nil {
		return err
	}
	defer conn.Release()
	// The rows are right, and to look up each of millions of references takes longer
	// than all the rest.
	statements = slices.Concat([]string{"set session_replication_role = replica"}, statements, []string{"reset session_replication_role"})
	for _, statement := range statements {
		if _, err := conn.Exec(ctx, numbers.Replace(statement)); err != nil {
			return err
		}
	}
	return nil
}

// Names are the names of all lists.
func (s Size) Names() []string {
	names := []string{AllActive}
	for n := range Types {
		names = append(names, "Type "+strconv.Itoa(n+1))
	}
	for n := range s.Groups {
		names = append(names, "Group "+strconv.Itoa(n+1))
	}
	return names
}

// Rep is the address of a rep, from 1, and the lists where they belong.
func (s Size) Rep(rep int) (address string, lists []string) {
	lists = []string{AllActive, "Type " + strconv.Itoa((rep/4+1)%Types+1)}
	for g := range s.OfARep {
		lists = append(lists, "Group "+strconv.Itoa((rep+(g+1)*(s.Groups/s.OfARep))%s.Groups+1))
	}
	return "first.last" + strconv.Itoa(rep) + "@members.example.org", lists
}

// Numbers take the places in braces.
var members = []string{
	`insert into chamber.association (association_id, name) overriding system value values (1, 'Harbour Chamber')`,
	`insert into chamber.sync_options (association_id, sync_all_active, sync_membership_types, sync_groups) values (1, true, true, true)`,
	`insert into chamber.membership_type (membership_type_id, association_id, name) overriding system value
		select n, 1, 'Type ' || n from generate_series(1, {types}) n`,
	`insert into chamber.member (member_id, association_id, name, status) overriding system value
		select n, 1, 'Member ' || n, 'active' from generate_series(1, {reps} / 4 + 1) n`,
	`insert into chamber.member_type (association_id, member_id, membership_type_id)
		select 1, n, n % {types} + 1 from generate_series(1, {reps} / 4 + 1) n`,
	`insert into chamber.rep (rep_id, association_id, member_id, first_name, last_name, job_title, email) overriding system value
		select n, 1, n / 4 + 1, 'First' || n % 1000, 'Last' || n % 5000, 'Head of department', 'first.last' || n || '@members.example.org'
		from generate_series(1, {reps}) n`,
	`insert into chamber.rep_group (group_id, association_id, name) overriding system value
		select n, 1, 'Group ' || n from generate_series(1, {groups}) n`,
	`insert into chamber.group_membership (association_id, group_id, rep_id)
		select 1, (r + g * ({groups} / {groups of a rep})) % {groups} + 1, r from generate_series(1, {reps}) r, generate_series(1, {groups of a rep}) g`,
}

var state = []string{
	`insert into rollcall_state.position (source, durable_lsn, saved_at, full_pass_at) values ('bench', '0/1', '2026-06-30Z', '2026-06-30Z')`,
	`insert into rollcall_state.list (source, association, key, kind, ref, name, list_id, state, existed, bound_at)
		select 'bench', '1', x.key, x.kind, x.ref, x.name, 'l-' || x.key, 'bound', false, '2026-06-01Z'
		from (
			select 'all_active' as key, 'all_active' as kind, '' as ref, 'All Active and Courtesy Representatives' as name
			union all select 'type:' || name, 'type', name, name from chamber.membership_type
			union all select 'group:' || group_id, 'group', group_id::text, name from chamber.rep_group
		) x`,
	`insert into rollcall_state.rep_seen (source, association, rep, address, opted_out)
		select 'bench', '1', rep_id::text, email, false from chamber.rep order by rep_id`,
	`insert into rollcall_state.rep_now (source, association, rep, address)
		select source, association, rep, address from rollcall_state.rep_seen`,
	`insert into rollcall_state.ledger (source, association, list, address, told, told_at, confirmed, seen, shown, shown_at)
		select 'bench', '1', x.list, r.email, 'add', '2026-06-02Z', true, true, 'on', '2026-06-30 03:05Z'
		from (
			select rep_id, 'all_active' as list from chamber.rep
			union all select r.rep_id, 'type:' || t.name from chamber.rep r join chamber.member_type m on m.member_id = r.member_id
				join chamber.membership_type t on t.membership_type_id = m.membership_type_id
			union all select rep_id, 'group:' || group_id from chamber.group_membership
		) x join chamber.rep r on r.rep_id = x.rep_id`,
}

var outcasts = []string{
	`update chamber.rep set active = false
		where rep_id % {outcasts every} = 0`,
	`update rollcall_state.contact set state = 'unsubscribed'
		where substr(contact_id, 3)::int % {outcasts every} = 1`,
	`delete from rollcall_state.ledger
		where substr(split_part(address, '@', 1), 11)::int % {outcasts every} = 2`,
}
