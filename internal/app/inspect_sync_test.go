package app

import (
	"errors"
	"testing"

	"rollcall/mapper"
)

func TestFindGroup(t *testing.T) {
	groups := []mapper.Group{{ID: "1", Name: "Board"}, {ID: "2", Name: "Choir "}, {ID: "3", Name: "choir"}, {ID: "4", Name: "2"}}
	for ref, want := range map[string]mapper.GroupID{"1": "1", "group:1": "1", "board": "1", " Board": "1", "2": "2", "group:3": "3", "choir": "", "group:9": "", "Brass": "", "": ""} {
		g, err := findGroup(groups, ref)
		var refused *RefusedError
		if g.ID != want || (want == "") != errors.As(err, &refused) {
			t.Errorf("%q is group %q, %v; want %q", ref, g.ID, err, want)
		}
	}
}
