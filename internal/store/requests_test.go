package store_test

import (
	"fmt"
	"testing"
	"time"

	"rollcall/internal/statetest"
	"rollcall/internal/store"
	"rollcall/mapper"
	"rollcall/sink"
)

// The look for all associations finds each that has something to do, for whichever
// reason, and none that waits.
func TestWithWork(t *testing.T) {
	pool := statetest.Database(t).Pool(t)
	ctx := t.Context()
	s := store.New(pool, "chamber", func() time.Time { return noon })
	people := []mapper.Address{"ann@example.org"}
	ok(t, s.Association("dirty").Enqueue(ctx, people))
	ok(t, s.Association("waits").Enqueue(ctx, people))
	ok(t, s.Association("waits").Wait(ctx, []sink.Done{{Address: people[0], Version: 1}}, noon.Add(time.Second)))
	ok(t, s.Association("due").SetDue(ctx, store.Due{What: "sweep", At: noon}))
	ok(t, s.Association("later").SetDue(ctx, store.Due{What: "sweep", At: noon.Add(time.Second)}))
	asked, err := s.Association("asked").Request(ctx, store.RequestContent{Ask: "reconcile"}, "olga")
	ok(t, err)
	ok(t, store.New(pool, "another", func() time.Time { return noon }).Association("idle").Enqueue(ctx, people))
	all := []string{"idle", "dirty", "waits", "due", "later", "asked"}
	for _, want := range []string{"[dirty due asked]", "[dirty due]"} {
		found, err := s.WithWork(ctx, all)
		ok(t, err)
		if fmt.Sprint(found) != want {
			t.Errorf("work for %v, want %s", found, want)
		}
		ok(t, s.SetRequest(ctx, asked, "done", store.Answer{}))
	}
	_, err = pool.Exec(ctx, `insert into rollcall_state.request (source, content, asked_at, asked_by) values ('chamber', '{"v": 1, "ask": "sync_now", "group": "1"}', $1, 'olga')`, noon)
	ok(t, err)
	if found, err := s.WithWork(ctx, all); err != nil || len(found) != len(all) {
		t.Errorf("a request that names none: %v, %v", found, err)
	}
}
