package deliver_test

import (
	"fmt"
	"testing"

	"rollcall/mapper"
)

// An export shows as active who is on hold. Whoever is known to be on hold is asked
// for by name before anything is believed of them.
func TestAnExportLiftsNoHold(t *testing.T) {
	b := newBench(t, guarded)
	b.exec(t, `insert into chamber.rep_group (association_id, name) values (1, 'Chess')`)
	for n := range 3600 { // so many that an export takes fewer calls than pages
		must(t, b.sim.AddContact(account, fmt.Sprintf("s%d@example.org", n)))
	}
	must(t, b.sim.SetPermission(account, "p1@example.org", "temp_hold"))
	b.exec(t, `update chamber.rep set job_title = 'Baker'`)
	if got := b.reasons(t, "p1@example.org")["group:1"]; got != mapper.ReasonOnHold {
		t.Fatalf("the reason is %q", got)
	}
	b.sim.Reset()
	b.exec(t, `insert into chamber.rep (association_id, member_id, email) select 1, 1, 'n' || n || '@example.org' from generate_series(1, 300) n;
		insert into chamber.group_membership (association_id, group_id, rep_id) values (1, 3, 1);
		update chamber.group_membership set disabled = true where group_id = 2 and rep_id = 1`)
	if n := b.calls("contact_exports"); n == 0 {
		t.Error("the account was not read by an export")
	}
	b.wantOn(t, golf, "p1@example.org", false)
	b.wantOn(t, "Chess", "p1@example.org", false)
	b.referee(t)
}
