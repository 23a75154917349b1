package store

import (
	"encoding/json"
	"strings"
	"testing"

	"rollcall/cdc"
)

// Anybody may write a logical message. What is accepted is of the documented form
// and can be stored, and means the same when it is written again; the error of
// what is not has nothing of its content.
func FuzzParseRequest(f *testing.F) {
	for _, message := range []string{
		`{"v":1,"ask":"sync_now","group":"17","association":null}`, `{"v":1,"ask":"touch","kind":"rep","key":"5"}`,
		`{"v":1,"ask":"touch","kind":"all","key":""}`, "", "null", "[]", `{"v":1e0}`, `{"v":1,"v":2,"ask":"sync_now","group":"1"}`,
		`{"v":1,"ask":"touch","kind":"rep","key":"\u0000"}`, "{\"v\":1,\"ask\":\"touch\",\"kind\":\"rep\",\"key\":\"\xff\"}", `{"V":1,"ASK":"sync_now","Group":"zz-canary"} x`,
	} {
		f.Add([]byte(message))
	}
	f.Fuzz(func(t *testing.T, message []byte) {
		r, err := parseRequest(message)
		if err != nil {
			return
		}
		association := ""
		if r.Association != nil {
			association = *r.Association
		}
		if strings.ContainsRune(r.Group+r.Key+r.Kind+association, 0) || r.Version != 1 {
			t.Errorf("accepted %+v", r)
		}
		switch r.Ask {
		case askSyncNow:
			if r.Group == "" || r.Kind != "" || r.Key != "" {
				t.Errorf("accepted %+v", r)
			}
		case askTouch:
			if all := cdc.Kind(r.Kind) == cdc.KindAll; all == (r.Key != "") || r.Group != "" || r.Association != nil {
				t.Errorf("accepted %+v", r)
			}
		default:
			t.Errorf("accepted %+v", r)
		}
		text, err := json.Marshal(r)
		if err != nil {
			t.Fatal(err)
		}
		again, err := parseRequest(text)
		if err != nil || again.Group != r.Group || again.Key != r.Key || again.Kind != r.Kind || again.Ask != r.Ask {
			t.Errorf("%s reads as %+v, %v, want %+v", text, again, err, r)
		}
	})
}
