package source

import (
	"errors"
	"testing"

	"rollcall/mapper"
)

// An optional view that is made later is read without a restart, and one that
// is dropped is no longer missed. A required one is.
func TestReload(t *testing.T) {
	s := open(t, views("integer"))
	optOuts := func() int {
		t.Helper()
		sn, err := s.Snapshot(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		defer sn.Close(t.Context()) // it has locks on what it has read
		outs, err := sn.OptOuts(t.Context(), "1", []mapper.Address{"rosa@example.org"})
		if err != nil {
			t.Fatal(err)
		}
		return len(outs)
	}
	change := func(statement string) {
		t.Helper()
		if _, err := s.pool.Exec(t.Context(), statement); err != nil {
			t.Fatal(err)
		}
	}
	if n := optOuts(); n != 0 {
		t.Errorf("%d opt-outs without the view", n)
	}
	change("create table rollcall.opt_outs (association_id integer, email text, group_id integer)")
	change("insert into rollcall.opt_outs values (1, 'rosa@example.org', null)")
	if err := s.Reload(t.Context()); err != nil {
		t.Fatal(err)
	}
	if n := optOuts(); n != 1 {
		t.Errorf("%d opt-outs, want 1", n)
	}
	change("drop table rollcall.opt_outs")
	if err := s.Reload(t.Context()); err != nil {
		t.Fatal(err)
	}
	if n := optOuts(); n != 0 {
		t.Errorf("%d opt-outs after the view has gone", n)
	}
	change("alter table rollcall.groups drop sync")
	var missing *ContractError
	if err := s.Reload(t.Context()); !errors.As(err, &missing) {
		t.Errorf("error %v, want a *ContractError", err)
	}
}
