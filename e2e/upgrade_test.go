package e2e

import (
	"strings"
	"testing"
	"time"
)

// An upgrade without a gap: the new program is started beside the old one, stands
// by, and takes over when the old one is stopped. Changes go on all the while, and
// nobody is off a list in between.
func TestUpgradeSideBySide(t *testing.T) {
	t.Parallel()
	w := newWorld(t, "upgrade", fillSmall)
	w.start(t)
	w.settle(t, time.Minute)
	before := w.process
	next := &text{}
	w.startInto(t, next)
	after := w.process
	wait(t, "the new program to stand by", func() bool {
		log := next.String()
		return strings.Contains(log, "lease=source/chamber holder=") && strings.Contains(log, "lease=api_key/main holder=")
	})
	w.exec(t, "update chamber.rep set first_name = 'Rosalie' where email = 'rosa@example.org'")
	w.exec(t, "insert into chamber.rep (association_id, member_id, first_name, last_name, email) values (1, 1, 'Nora', 'Example', 'nora@example.org')")
	w.process = before
	w.stop(t)
	w.process = after
	w.exec(t, "update chamber.rep set active = false where email = 'lotte@example.org'")
	w.settle(t, time.Minute)
	w.compare(t)
	for _, took := range []string{reading(), "lease taken"} {
		if !strings.Contains(next.String(), took) {
			t.Errorf("the new program has not taken over: no %q", took)
		}
	}
	w.stop(t)
}

// What a later version's migrations do, which only add: a column to every table.
const expanded = `
do $$ declare t text; begin
	for t in select c.oid::regclass from pg_class c where c.relnamespace = 'rollcall_state'::regnamespace and c.relkind = 'r' and c.relname <> 'schema_version' loop
		execute format('alter table %s add column of_a_later_version text', t);
	end loop;
end $$;
insert into rollcall_state.schema_version (version_id, is_applied) values (99999, true)`

// The old program goes on while a newer one has migrated the state, and also starts
// again beside it.
func TestOldProgramBesideANewerState(t *testing.T) {
	t.Parallel()
	w := newWorld(t, "upgrade", fillSmall)
	w.start(t)
	w.settle(t, time.Minute)
	w.exec(t, expanded)
	w.exec(t, "insert into chamber.rep (association_id, member_id, first_name, last_name, email) values (1, 1, 'Nora', 'Example', 'nora@example.org')")
	w.exec(t, "update chamber.rep set email = 'lena.new@example.org' where email = 'lena@example.org'")
	w.settle(t, time.Minute)
	w.stop(t)
	w.start(t)
	w.exec(t, "update chamber.rep set active = false where email = 'lotte@example.org'")
	w.settle(t, time.Minute)
	w.compare(t)
	w.stop(t)
}
