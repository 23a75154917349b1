package cdc

import (
	"log/slog"
	"testing"
)

func TestWatchValidate(t *testing.T) {
	valid := []Watch{
		{Table: "public.rep", Keys: []string{"id"}, Kind: KindRep},
		{Table: "public.rep", Kind: KindAll},
		{Table: "public.opt_out", Keys: []string{"a", "b"}, Kind: KindAddress, Resolve: "select 1"},
	}
	if _, err := newDecoder(valid, slog.New(slog.DiscardHandler)); err != nil {
		t.Error(err)
	}
	for name, w := range map[string]Watch{
		"table without schema":    {Table: "rep", Keys: []string{"id"}, Kind: KindRep},
		"no table":                {Table: "public.", Keys: []string{"id"}, Kind: KindRep},
		"no schema":               {Table: ".rep", Keys: []string{"id"}, Kind: KindRep},
		"no key":                  {Table: "public.rep", Kind: KindRep},
		"two keys, no resolve":    {Table: "public.rep", Keys: []string{"a", "b"}, Kind: KindRep},
		"all with a key":          {Table: "public.rep", Keys: []string{"a"}, Kind: KindAll},
		"all with resolve":        {Table: "public.rep", Kind: KindAll, Resolve: "select 1"},
		"address without resolve": {Table: "public.rep", Keys: []string{"a"}, Kind: KindAddress},
		"unknown kind":            {Table: "public.rep", Keys: []string{"a"}, Kind: "person"},
	} {
		if _, err := NewReader(Config{Watches: []Watch{w}}); err == nil {
			t.Errorf("%s: accepted", name)
		}
	}
}

// Two watches may differ in resolve alone. Each needs a name of its own, or one
// of them would never be resolved.
func TestViaNamesTheStatement(t *testing.T) {
	w := Watch{Table: "public.opt_out", Keys: []string{"a", "b"}, Kind: KindRep, Resolve: "select 1"}
	other := w
	other.Resolve = "select 2"
	if w.Via() == other.Via() || w.Via() == "" {
		t.Errorf("via %q and %q", w.Via(), other.Via())
	}
	w.Resolve = ""
	if w.Via() != "" {
		t.Errorf("via %q of a watch whose key is the id", w.Via())
	}
}
