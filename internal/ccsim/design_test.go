package ccsim

import (
	"os"
	"reflect"
	"regexp"
	"strings"
	"testing"
)

// DESIGN.md is what users of the simulator read: it has every control, every
// fault and every switch, and none that there is not.
func TestDesignNamesEverything(t *testing.T) {
	raw, err := os.ReadFile("DESIGN.md")
	if err != nil {
		t.Fatal(err)
	}
	text := string(raw)
	s := New(Config{Now: nil})
	known := map[string]bool{}
	need := func(what, name string) {
		known[name] = true
		if !strings.Contains(text, "`"+name) {
			t.Errorf("%s %s is not described", what, name)
		}
	}
	short := strings.NewReplacer("accounts/{account}", "A")
	for path := range s.orders() {
		if parts := strings.Split(path, "/"); parts[len(parts)-1] == "resubscribe" {
			continue // described together with unsubscribe
		}
		need("control", short.Replace(path))
	}
	known["accounts"] = true
	for _, path := range []string{"apps", "consent", "faults/random", "switches", "A/contacts/{address}"} {
		need("control", path)
	}
	for path := range s.views() {
		need("view", short.Replace(path))
	}
	for _, kind := range faultKinds {
		need("fault", string(kind))
	}
	for field := range reflect.TypeFor[Switches]().Fields() {
		need("switch", field.Tag.Get("json"))
	}
	for _, row := range regexp.MustCompile("(?m)^\\| `([^`?]+)").FindAllStringSubmatch(text, -1) {
		if !known[row[1]] && !strings.Contains(row[1], "/leave") {
			t.Errorf("%s is described and does not exist", row[1])
		}
	}
}
