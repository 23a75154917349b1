package cdc_test

import (
	"slices"
	"testing"

	"rollcall/cdc"
	"rollcall/internal/pgtest"
)

// related are tables that change with public.rep, and one in partitions of partitions.
var related = []string{
	"create table public.child (child_id integer primary key, rep_id integer references public.rep on delete cascade on update cascade deferrable)",
	"create table public.grandchild (id integer primary key, child_id integer references public.child on delete set null)",
	"create view public.rep_view as select rep_id, member_id from public.rep",
	"create table public.parted (id integer, part integer, primary key (id, part)) partition by list (part)",
	"create table public.parted_1 partition of public.parted for values in (1)",
	"create table public.parted_2 partition of public.parted for values in (2) partition by list (part)",
	"create table public.parted_2a partition of public.parted_2 for values in (2)",
	"create table public.parted_d partition of public.parted default",
}

// Every way to change rows touches their keys, by both captures.
func TestEveryStatementTouchesItsRows(t *testing.T) {
	with := append(slices.Clone(watches),
		cdc.Watch{Table: "public.child", Keys: []string{"child_id"}, Kind: cdc.KindRep},
		cdc.Watch{Table: "public.grandchild", Keys: []string{"id"}, Kind: cdc.KindGroup},
		cdc.Watch{Table: "public.parted", Keys: []string{"id"}, Kind: cdc.KindAssociation})
	version := major(t)
	for _, c := range []struct {
		name   string
		since  int // version of the server
		before []string
		do     []string
		want   []string
	}{
		{
			name: "cascaded delete", before: []string{"insert into public.rep values (1)", "insert into public.child values (11, 1)", "insert into public.grandchild values (21, 11)"},
			do: []string{"delete from public.rep"}, want: []string{"rep 1", "rep 11", "group 21"},
		},
		{
			name: "cascaded update", before: []string{"insert into public.rep values (1)", "insert into public.child values (11, 1)"},
			do: []string{"update public.rep set rep_id = 2"}, want: []string{"rep 1", "rep 2", "rep 11"},
		},
		{
			name: "merge that deletes", since: 15, before: []string{"insert into public.rep values (1), (2)"},
			do:   []string{"merge into public.rep r using (values (1), (3)) s (id) on r.rep_id = s.id when matched then delete when not matched then insert values (s.id)"},
			want: []string{"rep 1", "rep 3"},
		},
		{
			name: "merge that updates", since: 15, before: []string{"insert into public.rep values (1), (2)"},
			do:   []string{"merge into public.rep r using (values (1), (3)) s (id) on r.rep_id = s.id when matched then update set rep_id = 9 when not matched then insert values (s.id)"},
			want: []string{"rep 1", "rep 3", "rep 9"},
		},
		{
			name: "with returning",
			do:   []string{"with a as (insert into public.rep values (1) returning rep_id), b as (insert into public.member select rep_id from a returning member_id) select * from b"},
			want: []string{"rep 1", "member 1"},
		},
		{
			name: "through a view", do: []string{"insert into public.rep_view values (1)", "update public.rep_view set rep_id = 2"},
			want: []string{"rep 1", "rep 2"},
		},
		{
			name: "rows that move between partitions", before: []string{"insert into public.parted values (1, 1), (2, 2), (3, 5)"},
			do:   []string{"update public.parted set part = 3 - part where part < 3", "insert into public.parted_2a values (7, 2)", "delete from public.parted_d"},
			want: []string{"association 1", "association 2", "association 3", "association 7"},
		},
		{
			name: "aimed at a partition", before: []string{"insert into public.parted values (1, 1), (2, 2)"},
			do: []string{"update public.parted_1 set id = 8", "delete from public.parted_2"}, want: []string{"association 1", "association 8", "association 2"},
		},
		{
			name: "cascaded truncate", before: []string{"insert into public.rep values (1)"},
			do: []string{"truncate public.rep cascade"}, want: []string{"all"},
		},
		{
			name: "deferred constraints", do: []string{
				"begin", "set constraints all deferred", "insert into public.child values (11, 1)", "insert into public.rep values (1)", "commit",
			}, want: []string{"rep 11", "rep 1"},
		},
		{
			name: "exceptions in a function", do: []string{
				"do $$ begin insert into public.rep values (5); begin insert into public.rep values (6); raise exception 'x'; exception when others then insert into public.rep values (7); end; end $$",
			}, want: []string{"rep 5", "rep 7"},
		},
	} {
		t.Run(c.name, func(t *testing.T) {
			if version < c.since {
				t.Skipf("not on version %d", version)
			}
			m := newDatabase(t, pgtest.Database(t).URL)
			m.exec(t, related...)
			m.exec(t, publication+", public.child, public.grandchild, public.parted with (publish_via_partition_root = true)")
			m.exec(t, c.before...)
			if _, err := cdc.Prepare(t.Context(), m.Conn, m.slot, "rollcall"); err != nil {
				t.Fatal(err)
			}
			m.read(t, func(cfg *cdc.Config) { cfg.Watches = with })
			m.exec(t, c.do...)
			m.store.waitFor(t, m)
			m.store.wantKeys(t, append(slices.Clone(c.want), "member -1")...)
		})
		t.Run(c.name+" by triggers", func(t *testing.T) {
			if version < c.since {
				t.Skipf("not on version %d", version)
			}
			m := newDatabase(t, pgtest.Database(t).URL)
			m.exec(t, related...)
			m.exec(t, c.before...)
			capture(t, m, "insert into rollcall.watches values ('public.child', '{child_id}', 'rep'), ('public.grandchild', '{id}', 'group'), ('public.parted', '{id}', 'association')")
			m.move(t, func(cfg *cdc.MoverConfig) { cfg.Watches = with })
			m.exec(t, c.do...)
			m.moved(t)
			m.store.wantKeys(t, c.want...)
		})
	}
}

// A row with a NULL in one of several watched columns touches nothing by that watch:
// check warns of it as key_nullable.
func TestANullAmongSeveralKeysTouchesNothing(t *testing.T) {
	m := newMember(t)
	m.read(t, func(cfg *cdc.Config) {
		cfg.Watches = []cdc.Watch{
			watches[1],
			{Table: "public.rep", Keys: []string{"rep_id", "member_id"}, Kind: cdc.KindRep, Resolve: "select $1::text union select rep_id::text from rollcall.reps where member_id = $2::bigint"},
		}
	})
	m.exec(t, "insert into public.rep values (5, 6)", "insert into public.rep values (7, null)")
	m.store.waitFor(t, m)
	m.store.wantKeys(t, "member -1", "rep 5 6")
}
