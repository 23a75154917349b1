package e2e

import (
	"context"
	"encoding/json"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"

	"rollcall/internal/ccsim"
)

// fillTiers is the small chamber with a further column in the view.
func fillTiers(ctx context.Context, conn *pgx.Conn) error {
	if err := fillSmall(ctx, conn); err != nil {
		return err
	}
	_, err := conn.Exec(ctx, `alter table chamber.rep add tier text, add renewal date;
		update chamber.rep set tier = 'Gold', renewal = '2026-07-01';
		update chamber.rep set tier = repeat('x', 300) where email = 'rosa@example.org';
		do $$ begin execute 'create or replace view rollcall.reps as ' || replace(pg_get_viewdef('rollcall.reps'::regclass), E'\n   FROM', ', r.tier, r.renewal FROM'); end $$`)
	return err
}

// custom are a contact's custom fields, by the names that the account has.
func (w *world) custom(t *testing.T, address string) map[string]string {
	t.Helper()
	shown, err := w.sim.Contact(account, address)
	w.must(t, err)
	raw, err := json.Marshal(shown["custom_fields"])
	w.must(t, err)
	var all []struct {
		ID    string `json:"custom_field_id"`
		Value string `json:"value"`
	}
	w.must(t, json.Unmarshal(raw, &all))
	values, names := map[string]string{}, w.sim.FieldNames(account)
	for _, f := range all {
		values[names[f.ID]] = f.Value
	}
	return values
}

// Further columns become custom fields, which are made when they are first
// needed. Names are read anew, an empty value leaves what is there, and too long a
// one is cut.
func TestCustomFields(t *testing.T) {
	t.Parallel()
	w := newWorld(t, "tiers", fillTiers)
	w.sim.SetSwitches(ccsim.Switches{FieldLabelMovesName: true})
	text, err := os.ReadFile(w.config)
	w.must(t, err)
	more := strings.Replace(string(text), "rules: {", "rules: {custom_fields: [{column: tier, label: Member tier}, {column: renewal, label: Renewal}], ", 1)
	w.must(t, os.WriteFile(w.config, []byte(more), 0o600))
	w.must(t, w.sim.CreateField(account, "RENEWAL"))
	w.start(t)
	w.settle(t, time.Minute)
	w.wantCustom(t, "at first", lena, "Gold", "2026-07-01")
	w.wantCustom(t, "at first", rosa, strings.Repeat("x", 255), "2026-07-01")

	w.must(t, w.sim.RelabelField(account, "RENEWAL", "Renewal date"))
	w.exec(t, "update chamber.rep set tier = 'Silver', renewal = null where email = $1", lena)
	w.settle(t, time.Minute)
	w.wantCustom(t, "changed and emptied", lena, "Silver", "2026-07-01")
	// The office renamed the field, so it is another one.
	w.exec(t, "update chamber.rep set renewal = '2027-01-01' where email = $1", ulla)
	w.settle(t, time.Minute)
	if got := w.custom(t, ulla); got["renewal"] != "2027-01-01" || got["renewal_date"] != "2026-07-01" {
		t.Errorf("after the field was renamed: %q", got)
	}
	w.wantNoViolations(t)
	w.stop(t)
}

// wantCustom wants the two custom fields of a contact; the office's own name of
// the second is one of two.
func (w *world) wantCustom(t *testing.T, when, address, tier, renewal string) {
	t.Helper()
	got := w.custom(t, address)
	if have := got["renewal"] + got["renewal_date"]; got["member_tier"] != tier || have != renewal {
		t.Errorf("%s: %s has %q", when, address, got)
	}
}
