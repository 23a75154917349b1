package chamber_test

import (
	"context"
	"fmt"
	"strings"
	"testing"

	"rollcall/internal/chamber"
)

// tiny is a chamber in which every person stands for one rule.
const tiny = `
insert into chamber.association (name) values ('A'), ('other service'), ('groups only');
insert into chamber.sync_options (association_id, newsletter_solution, sync_all_active, sync_membership_types, sync_groups)
values (1, 'ConstantContact', true, true, true), (2, 'Elsewhere', true, true, true), (3, 'ConstantContact', false, false, true);
insert into chamber.membership_type (association_id, name) values (1, 'Gold'), (1, 'Silver'), (2, 'Gold'), (3, 'Gold');
insert into chamber.member (association_id, name, status)
values (1, 'Both types', 'active'), (1, 'Silver, by courtesy', 'courtesy'), (1, 'Dropped gold', 'dropped'), (2, 'X', 'active'), (3, 'Y', 'active');
insert into chamber.member_type values (1, 1, 1), (1, 1, 2), (1, 2, 2), (1, 3, 1), (2, 4, 3), (3, 5, 4);
insert into chamber.rep_group (association_id, name, sync) values (1, 'Board', true), (1, 'Unticked', false), (3, 'Club', true);
insert into chamber.rep (association_id, member_id, email, active, opted_out) values
    (1, 1, E' Both@Example.org\t', true, false),
    (1, 2, 'courtesy@example.org', true, false),
    (1, 3, 'dropped@example.org', true, false),
    (1, 1, 'inactive@example.org', false, false),
    (1, 1, 'out@example.org', true, true),
    (1, 1, 'OUT@example.org', true, false),       -- shares the inbox of one who opted out
    (1, 3, 'shared@example.org', true, false),
    (1, 2, 'shared@example.org', true, false),    -- one active holder is enough
    (1, null, 'prospect@example.org', true, false),
    (1, 1, 'no address', true, false),
    (1, 1, null, true, false),
    (1, 1, 'byaddress@example.org', true, false),
    (1, 1, 'notboard@example.org', true, false),
    (1, 1, 'back@example.org', true, false),
    (2, 4, 'x@example.org', true, false),
    (3, 5, 'both@example.org', true, false);
insert into chamber.group_membership (association_id, group_id, rep_id, disabled) values
    (1, 1, 1, true), (1, 1, 3, false), (1, 1, 4, false), (1, 1, 5, false), (1, 1, 7, true), (1, 1, 8, false),
    (1, 1, 9, false), (1, 1, 10, false), (1, 1, 13, false), (1, 2, 1, false), (3, 3, 16, false);
insert into chamber.opt_out (association_id, email, group_id, opted_out_at, withdrawn_at) values
    (1, 'ByAddress@example.org', null, '2020-01-01', null),
    (1, 'stranger@example.org', null, '2020-01-01', null),
    (1, 'notboard@example.org', 1, '2020-01-01', null),
    (1, 'back@example.org', null, '2020-01-01', '2020-02-01'),
    (3, 'courtesy@example.org', null, '2020-01-01', null)`

func TestExpectedOnATinyChamber(t *testing.T) {
	conn := database(t)
	if _, err := conn.Exec(context.Background(), tiny); err != nil {
		t.Fatal(err)
	}
	all, err := chamber.Expected(context.Background(), conn)
	if err != nil {
		t.Fatal(err)
	}
	var got strings.Builder
	list := ""
	for _, e := range all {
		if heading := fmt.Sprintf("%d %s:", e.Association, e.List); heading != list {
			fmt.Fprintf(&got, "\n%s", heading)
			list = heading
		}
		sign := "-"
		if e.On {
			sign = "+"
		}
		fmt.Fprintf(&got, " %s%s", sign, strings.TrimSuffix(e.Address, "@example.org"))
	}
	const want = `
1 All Active and Courtesy Representatives: +back +both -byaddress +courtesy -dropped -inactive +notboard -out -prospect +shared -stranger
1 Board: -both -byaddress +dropped +inactive -notboard -out +prospect +shared -stranger
1 Gold: +back +both -byaddress -courtesy -dropped -inactive +notboard -out -prospect -shared -stranger
1 Silver: +back +both -byaddress +courtesy -dropped -inactive +notboard -out -prospect +shared -stranger
3 Club: +both -courtesy`
	if got.String() != want {
		t.Errorf("got%s\nwant%s", got.String(), want)
	}
}
