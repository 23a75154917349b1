package source

import (
	"reflect"
	"testing"
)

// A resolve statement may return its ids in any type.
func TestResolveAnyType(t *testing.T) {
	sn := snapshot(t, open(t, views("integer")))
	for statement, want := range map[string][][]string{
		"select 7 where $1 = 'x'":                                            {{"7"}},
		"select '-3'::bigint where $1 = 'x'":                                 {{"-3"}},
		"select 'F81D4FAE-7dec-11d0-a765-00a0c91e6bf6'::uuid where $1 = 'x'": {{"f81d4fae-7dec-11d0-a765-00a0c91e6bf6"}},
		"select 1.50::numeric where $1 = 'x'":                                {{"1.50"}},
		"select true, date '2026-07-01' where $1 = 'x'":                      {{"t", "2026-07-01"}},
		"select v from (values ('a'), (null), ('')) x (v) where $1 = 'x'":    {{"a"}, {""}},
		"select 'a', null::text where $1 = 'x'":                              nil,
		"select 1 where $1 = 'y'":                                            nil,
	} {
		if got, err := sn.Resolve(t.Context(), statement, []string{"x"}); err != nil || !reflect.DeepEqual(got, want) {
			t.Errorf("%s: %q, %v, want %q", statement, got, err, want)
		}
	}
}
