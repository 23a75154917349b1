package mapper

import "testing"

func TestPairTransitions(t *testing.T) {
	onList := Pair{Told: ToldAdd, Confirmed: true, Seen: true, Shown: ShownOn}
	for name, test := range map[string]struct{ got, want Pair }{
		"told to add":    {Pair{Seen: true, Shown: ShownOff}.Tell(ToldAdd), Pair{Told: ToldAdd}},
		"added":          {Pair{Shown: ShownOff}.Tell(ToldAdd).Confirm(), Pair{Told: ToldAdd, Confirmed: true}},
		"told again":     {onList.Tell(ToldAdd), Pair{Told: ToldAdd, Seen: true}},
		"told to remove": {onList.Tell(ToldRemove), Pair{Told: ToldRemove, Seen: true, Shown: ShownOn}},
		"removed":        {onList.Tell(ToldRemove).Confirm(), Pair{Told: ToldRemove, Confirmed: true, Shown: ShownOff}},
		"not applied":    {Pair{Told: ToldAdd, Confirmed: true, Seen: true, Departed: true}.NotApplied(), Pair{Departed: true}},
	} {
		if test.got != test.want {
			t.Errorf("%s: %+v, want %+v", name, test.got, test.want)
		}
	}
}
