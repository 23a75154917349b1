package cases

import (
	"fmt"
	"io/fs"
	"regexp"
	"slices"
	"strings"
	"testing"
)

// proofName is a test as a page names it: its folder and its function.
var proofName = regexp.MustCompile("`([a-z0-9/]+) ((?:Test|Fuzz)[A-Za-z0-9_]+)`")

// unproven says which rows of the tables of docs/reliability.md name no test, or
// one that there is not.
func (c *checker) unproven(page string) (problems []string, rows int) {
	for line := range strings.Lines(page) {
		cells := strings.Split(strings.Trim(strings.TrimSpace(line), "|"), " | ")
		if !strings.HasPrefix(line, "| ") || len(cells) != 4 || strings.HasSuffix(line, "| tests |\n") {
			if strings.HasPrefix(line, "| ") && len(cells) != 4 {
				problems = append(problems, fmt.Sprintf("reliability.md: a row with %d cells: %.60s", len(cells), line))
			}
			continue
		}
		rows++
		named := proofName.FindAllStringSubmatch(cells[3], -1)
		if rest := proofName.ReplaceAllString(cells[3], ""); len(named) == 0 || strings.Trim(rest, " ,") != "" {
			problems = append(problems, fmt.Sprintf("reliability.md: %q names its tests as %q", cells[0], cells[3]))
		}
		for _, n := range named {
			if !c.there(n[1], n[2]) {
				problems = append(problems, fmt.Sprintf("reliability.md: %s: there is no %s in %s", cells[0], n[2], n[1]))
			}
		}
	}
	return problems, rows
}

// A failpoint as the code and the page name it.
var (
	pointInCode = regexp.MustCompile(`Point = "([a-z_]+)"`)
	pointOnPage = regexp.MustCompile("(?m)^\\| `([a-z_]+)` \\|")
)

// unlisted says where the failpoints of the code and those of the page differ.
func unlisted(code, page string) (problems []string) {
	named := func(pattern *regexp.Regexp, text string) (all []string) {
		for _, found := range pattern.FindAllStringSubmatch(text, -1) {
			all = append(all, found[1])
		}
		return all
	}
	points, rows := named(pointInCode, code), named(pointOnPage, page)
	for _, point := range points {
		if !slices.Contains(rows, point) {
			problems = append(problems, fmt.Sprintf("reliability.md: the failpoint %s is missing", point))
		}
	}
	for _, row := range rows {
		if !slices.Contains(points, row) {
			problems = append(problems, fmt.Sprintf("reliability.md: there is no failpoint %s", row))
		}
	}
	return problems
}

func TestEveryFailpointIsDescribed(t *testing.T) {
	tree := root(t)
	code, err := fs.ReadFile(tree, "internal/failpoint/failpoint.go")
	if err != nil {
		t.Fatal(err)
	}
	page, err := fs.ReadFile(tree, "docs/reliability.md")
	if err != nil {
		t.Fatal(err)
	}
	for _, p := range unlisted(string(code), string(page)) {
		t.Error(p)
	}
	if n := len(pointInCode.FindAllString(string(code), -1)); n < 30 {
		t.Errorf("%d failpoints were found, want them all", n)
	}
	for _, mistake := range [][2]string{{string(code), strings.Replace(string(page), "| `keys_stored` |", "| `keys_kept` |", 1)}, {"", string(page)}} {
		if len(unlisted(mistake[0], mistake[1])) == 0 {
			t.Error("a page that says something else was not found")
		}
	}
}

func (c *checker) there(dir, name string) bool {
	if _, test := c.tests(dir)[name]; test {
		return true
	}
	files, _ := fs.Glob(c.tree, dir+"/*_test.go")
	for _, file := range files {
		if text, err := fs.ReadFile(c.tree, file); err == nil && strings.Contains(string(text), "\nfunc "+name+"(f *testing.F)") {
			return true
		}
	}
	return false
}

func TestEveryFaultHasItsTest(t *testing.T) {
	tree := root(t)
	text, err := fs.ReadFile(tree, "docs/reliability.md")
	if err != nil {
		t.Fatal(err)
	}
	page := string(text)
	c := &checker{tree: tree, packages: map[string]map[string]string{}}
	problems, rows := c.unproven(page)
	for _, p := range problems {
		t.Error(p)
	}
	if rows < 45 {
		t.Errorf("%d faults were found, want them all", rows)
	}
	for _, mistake := range [][2]string{
		{"`cdc TestReaderTruncate`", "`cdc TestReaderTruncates`"},
		{"`cdc TestReaderTruncate`", "`cdc TestMain`"},
		{"`internal/config FuzzParse`", "`internal/config FuzzParser`"},
		{"`internal/config FuzzParse`", "somewhere"},
		{"`internal/config FuzzParse`", "`internal/config FuzzParse` and more"},
		{"| configuration | random YAML |", "| configuration |"},
	} {
		if !strings.Contains(page, mistake[0]) {
			t.Fatalf("the page does not hold %q: the mistake cannot be made", mistake[0])
		}
		if problems, _ := c.unproven(strings.Replace(page, mistake[0], mistake[1], 1)); len(problems) == 0 {
			t.Errorf("%q was not found", mistake[1])
		}
	}
}
