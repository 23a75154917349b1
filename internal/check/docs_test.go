package check_test

import (
	"maps"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
)

var (
	added     = regexp.MustCompile(`c\.add\([\w.]+, (\w+), "([a-z_]+)"`)
	chosen    = regexp.MustCompile(`"((?:view|column)_missing|resolve_(?:fails|columns|parameters))"`)
	described = regexp.MustCompile("(?m)^\\| (`[a-z_`, ]+`) \\| (\\w+) \\|")
	said      = regexp.MustCompile("`(?:rollcall )?check`[^.|`]*`([a-z]+(?:_[a-z]+)+)`")
)

// findings are all that the program can have, with their severities; none where it
// depends.
func findings(t *testing.T) map[string][]string {
	t.Helper()
	all := map[string][]string{}
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
		for _, m := range chosen.FindAllStringSubmatch(string(text), -1) {
			all[m[1]] = nil
		}
		for _, m := range added.FindAllStringSubmatch(string(text), -1) {
			severities := all[m[2]]
			if m[1] == "Error" || m[1] == "Warning" || m[1] == "Note" {
				severities = append(severities, strings.ToLower(m[1]))
			}
			all[m[2]] = severities
		}
	}
	return all
}

// names are all findings that the program can have.
func names(t *testing.T) []string { return slices.Sorted(maps.Keys(findings(t))) }

func TestDocsDescribeEveryFinding(t *testing.T) {
	text, err := os.ReadFile("../../docs/checks.md")
	if err != nil {
		t.Fatal(err)
	}
	var docs []string
	have := findings(t)
	for _, m := range described.FindAllStringSubmatch(string(text), -1) {
		for _, name := range strings.Split(strings.ReplaceAll(m[1], "`", ""), ", ") {
			docs = append(docs, name)
			if severities := have[name]; len(severities) > 0 && !slices.Contains(severities, m[2]) {
				t.Errorf("the docs call %s a finding of severity %s; it is %s", name, m[2], severities)
			}
		}
	}
	slices.Sort(docs)
	if have := names(t); !slices.Equal(have, docs) {
		t.Errorf("the program has\n%v\nthe docs have\n%v", have, docs)
	}
}

// What other pages say that check finds is something that it can find.
func TestPagesNameFindingsThatThereAre(t *testing.T) {
	files, err := filepath.Glob("../../docs/*.md")
	if err != nil {
		t.Fatal(err)
	}
	have := findings(t)
	for _, file := range append(files, "../../README.md") {
		text, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		for _, m := range said.FindAllStringSubmatch(string(text), -1) {
			if _, known := have[m[1]]; !known {
				t.Errorf("%s says that check finds %s, which it cannot", filepath.Base(file), m[1])
			}
		}
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
