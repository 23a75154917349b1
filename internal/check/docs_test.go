package check_test

import (
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
)

var (
	added     = regexp.MustCompile(`c\.add\([\w.]+, \w+, "([a-z_]+)"`)
	chosen    = regexp.MustCompile(`"((?:view|column)_missing|resolve_(?:fails|columns|parameters))"`)
	described = regexp.MustCompile("(?m)^\\| (`[a-z_`, ]+`) \\|")
)

// names are all findings that the program can have.
func names(t *testing.T) []string {
	t.Helper()
	var all []string
	files, err := filepath.Glob("*.go")
	if err != nil {
		t.Fatal(err)
	}
	for _, file := range files {
		if strings.HasSuffix(file, "_test.go") {
			continue
		}
		text, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		for _, found := range [][][]string{added.FindAllStringSubmatch(string(text), -1), chosen.FindAllStringSubmatch(string(text), -1)} {
			for _, m := range found {
				all = append(all, m[1])
			}
		}
	}
	slices.Sort(all)
	return slices.Compact(all)
}

func TestDocsDescribeEveryFinding(t *testing.T) {
	text, err := os.ReadFile("../../docs/checks.md")
	if err != nil {
		t.Fatal(err)
	}
	docs := []string{"check_failed", "check_stopped"}
	for _, m := range described.FindAllStringSubmatch(string(text), -1) {
		docs = append(docs, strings.Split(strings.ReplaceAll(m[1], "`", ""), ", ")...)
	}
	slices.Sort(docs)
	if have := names(t); !slices.Equal(have, docs) {
		t.Errorf("the program has\n%v\nthe docs have\n%v", have, docs)
	}
}

// Every finding has a test that brings it about, but for those that no test
// server can be brought to.
func TestEveryFindingIsSeeded(t *testing.T) {
	var text string
	for _, file := range []string{"check_test.go", "server_test.go", "report_test.go"} {
		content, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		text += string(content)
	}
	for _, name := range names(t) {
		if name == "server_too_old" { // there is no build of such a server
			continue
		}
		if !strings.Contains(text, `"`+name+`"`) && !strings.Contains(text, `"`+name+`/`) {
			t.Errorf("no test finds %s", name)
		}
	}
}
