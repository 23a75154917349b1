package main

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// A rule that changes its words changes its mutant.
func TestEveryMutantsTextIsInItsFileOnce(t *testing.T) {
	if len(mutants) < 15 {
		t.Errorf("%d mutants", len(mutants))
	}
	names := map[string]bool{}
	for _, m := range mutants {
		if names[m.name] {
			t.Errorf("two mutants are called %q", m.name)
		}
		names[m.name] = true
		text, err := os.ReadFile(filepath.Join("..", "..", "..", m.file))
		if err != nil {
			t.Error(err)
			continue
		}
		if n := strings.Count(string(text), m.old); n != 1 || m.new == m.old {
			t.Errorf("%s: the text to spoil is %d times in %s, want once", m.name, n, m.file)
		}
	}
}
