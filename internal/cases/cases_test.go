package cases

import (
	"bytes"
	"fmt"
	"go/ast"
	"go/parser"
	"go/token"
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"rollcall/mapper"
)

// played are the folders of stories and scripts that a test plays, all of them.
var played = []string{"mapper/testdata", "e2e/commands/testdata", "internal/cli/testdata"}

// checker holds the two pages to each other and to a tree.
type checker struct {
	tree     fs.FS
	packages map[string]map[string]string // folder → test → what it and its file's constants say
}

// problems are all disagreements.
func (c *checker) problems(semantics, cases string) (problems []string) {
	said := func(format string, args ...any) { problems = append(problems, fmt.Sprintf(format, args...)) }
	rows := readSemantics(semantics)
	proofs, problems := readProofs(cases)
	byName := map[string]aCase{}
	var names, proofNames []string
	for _, row := range rows {
		names = append(names, row.String())
		byName[row.String()] = row
	}
	for _, p := range proofs {
		name := aCase{section: p.section, name: p.name}.String()
		proofNames = append(proofNames, name)
		row, known := byName[name]
		if !known {
			said("cases.md: %s is no case of semantics.md", name)
			continue
		}
		x := p.proven()
		if x.rest != "" {
			said("cases.md: %s: %q is neither a test, a story nor pending", name, x.rest)
		}
		if len(x.stories)+len(x.tests) == 0 && !x.pending {
			said("cases.md: %s has no proof", name)
		}
		// An invariant or a reason is pending as a whole or not: the pages agree.
		if p.section != reasonsSection && x.pending != row.hasToCome() {
			said("%s: semantics.md has %q: %t; cases.md has pending: %t", name, toCome, row.hasToCome(), x.pending)
		}
		problems = append(problems, c.exist(name, x)...)
		if p.section == reasonsSection {
			problems = append(problems, c.sayCode(name, strings.Trim(p.name, "`"), x)...)
		}
	}
	for _, name := range names {
		if !slices.Contains(proofNames, name) {
			said("cases.md: %s of semantics.md is missing", name)
		}
	}
	for _, name := range doubles(names) {
		said("semantics.md: %s is there twice", name)
	}
	for _, name := range doubles(proofNames) {
		said("cases.md: %s is there twice", name)
	}
	problems = append(problems, reasonsAgree(rows)...)
	return append(problems, c.settings(semantics)...)
}

// exist says which tests and stories there are not.
func (c *checker) exist(name string, x proven) (problems []string) {
	for _, file := range x.stories {
		if _, err := fs.Stat(c.tree, file); err != nil || !slices.Contains(played, path.Dir(file)) {
			problems = append(problems, fmt.Sprintf("cases.md: %s: there is no story %s that a test plays", name, file))
		}
	}
	for _, t := range x.tests {
		if _, there := c.tests(t[0])[t[1]]; !there {
			problems = append(problems, fmt.Sprintf("cases.md: %s: there is no test %s in %s", name, t[1], t[0]))
		}
	}
	return problems
}

// sayCode says which proofs of a reason do not mention its code, or the constant
// that stands for it.
func (c *checker) sayCode(name, code string, x proven) (problems []string) {
	constant := reasonConstants(c.tree)[code]
	word := regexp.MustCompile(`\b` + regexp.QuoteMeta(code) + `\b`)
	for _, file := range x.stories {
		if text, err := fs.ReadFile(c.tree, file); err == nil && !word.Match(text) {
			problems = append(problems, fmt.Sprintf("cases.md: %s: %s does not have the code", name, file))
		}
	}
	for _, t := range x.tests {
		text, there := c.tests(t[0])[t[1]]
		if there && !word.MatchString(text) && (constant == "" || !regexp.MustCompile(`\b`+constant+`\b`).MatchString(text)) {
			problems = append(problems, fmt.Sprintf("cases.md: %s: %s %s does not have the code", name, t[0], t[1]))
		}
	}
	return problems
}

// tests are the test functions of a folder with their source.
func (c *checker) tests(dir string) map[string]string {
	if found, read := c.packages[dir]; read {
		return found
	}
	found := map[string]string{}
	files, _ := fs.Glob(c.tree, dir+"/*_test.go")
	for _, file := range files {
		text, err := fs.ReadFile(c.tree, file)
		if err != nil {
			continue
		}
		positions := token.NewFileSet()
		syntax, err := parser.ParseFile(positions, file, text, parser.SkipObjectResolution)
		if err != nil {
			continue
		}
		for _, d := range syntax.Decls {
			if fn, ok := d.(*ast.FuncDecl); ok && isTest(fn) {
				found[fn.Name.Name] = string(text[positions.Position(fn.Pos()).Offset:positions.Position(fn.End()).Offset])
			}
		}
	}
	c.packages[dir] = found
	return found
}

// isTest reports whether go test runs a function.
func isTest(fn *ast.FuncDecl) bool {
	if fn.Recv != nil || !strings.HasPrefix(fn.Name.Name, "Test") || len(fn.Type.Params.List) != 1 {
		return false
	}
	pointer, ok := fn.Type.Params.List[0].Type.(*ast.StarExpr)
	if !ok {
		return false
	}
	of, ok := pointer.X.(*ast.SelectorExpr)
	return ok && of.Sel.Name == "T"
}

var reasonConstant = regexp.MustCompile(`(?m)^\s*(Reason\w+)\s+Reason = "([a-z_]+)"`)

// reasonConstants are the names of the planner's constants by code.
func reasonConstants(tree fs.FS) map[string]string {
	text, _ := fs.ReadFile(tree, "mapper/reason.go")
	constants := map[string]string{}
	for _, m := range reasonConstant.FindAllSubmatch(text, -1) {
		constants[string(m[2])] = string(m[1])
	}
	return constants
}

// reasonsAgree compares the last table of semantics.md with the planner's codes,
// their order and their sentences.
func reasonsAgree(rows []aCase) (problems []string) {
	rows = slices.DeleteFunc(slices.Clone(rows), func(c aCase) bool { return c.section != reasonsSection })
	all := mapper.Reasons()
	if len(rows) != len(all) {
		problems = append(problems, fmt.Sprintf("semantics.md: %d reasons, the planner has %d", len(rows), len(all)))
	}
	for i, r := range all[:min(len(all), len(rows))] {
		row := rows[i]
		if want := []string{r.Text(), r.Change()}; row.name != "`"+string(r)+"`" || !slices.Equal(row.cells, want) {
			problems = append(problems, fmt.Sprintf("semantics.md: reason %d is %s %q, the planner says `%s` %q", i+1, row.name, row.cells, r, want))
		}
	}
	return problems
}

var setting = regexp.MustCompile("`(?:rules|reconcile|pace)\\.([a-z_]+)`")

// settings says which settings the documented example does not have.
func (c *checker) settings(semantics string) (problems []string) {
	example, err := fs.ReadFile(c.tree, "docs/rollcall.example.yaml")
	if err != nil {
		return []string{err.Error()}
	}
	for _, m := range setting.FindAllStringSubmatch(semantics, -1) {
		if !bytes.Contains(example, []byte("\n  "+m[1]+":")) {
			problems = append(problems, fmt.Sprintf("semantics.md: there is no setting %s", m[0]))
		}
	}
	return problems
}

// root is the folder of go.mod, above the one the test runs in.
func root(t *testing.T) fs.FS {
	t.Helper()
	dir, err := os.Getwd()
	if err != nil {
		t.Fatal(err)
	}
	for {
		if _, err := os.Stat(filepath.Join(dir, "go.mod")); err == nil {
			return os.DirFS(dir)
		}
		if dir == filepath.Dir(dir) {
			t.Fatal("there is no go.mod here or above")
		}
		dir = filepath.Dir(dir)
	}
}

func pages(t *testing.T, tree fs.FS) (semantics, cases string) {
	t.Helper()
	a, err := fs.ReadFile(tree, "docs/semantics.md")
	if err != nil {
		t.Fatal(err)
	}
	b, err := fs.ReadFile(tree, "docs/cases.md")
	if err != nil {
		t.Fatal(err)
	}
	return string(a), string(b)
}

// Every case that the documents name is proved by what they say proves it, or is
// pending on something by name.
func TestEveryCaseIsProved(t *testing.T) {
	tree := root(t)
	semantics, cases := pages(t, tree)
	if n := len(readSemantics(semantics)); n < 100 {
		t.Errorf("%d cases were found in semantics.md, want them all", n)
	}
	c := &checker{tree: tree, packages: map[string]map[string]string{}}
	for _, problem := range c.problems(semantics, cases) {
		t.Error(problem)
	}
}

// What the check would miss, it would miss for ever: each kind of mistake in a
// copy of the pages is found.
func TestTheCheckFindsMistakes(t *testing.T) {
	tree := root(t)
	semantics, cases := pages(t, tree)
	c := &checker{tree: tree, packages: map[string]map[string]string{}}
	row := "| 4 | remembered | `mapper/testdata/opted_out_then_deleted.txtar`"
	for name, tc := range map[string]struct {
		inCases      bool // else in semantics.md
		old, mistake string
		want         string
	}{
		"a case without a row":        {true, row, "| 4 | forgotten | `mapper/testdata/opted_out_then_deleted.txtar`", `section 4, "remembered" of semantics.md is missing`},
		"a row without a case":        {false, "| remembered |", "| remembered well |", `section 4, "remembered" is no case`},
		"a row twice":                 {true, row, "| 4 | remembered | `mapper TestMany` |\n" + row, "is there twice"},
		"a case twice":                {false, "| remembered |", "| a rep opts out | x | – |\n| remembered |", "is there twice"},
		"another section":             {true, row, strings.Replace(row, "4", "5", 1), "is no case"},
		"no such story":               {true, "opted_out_then_deleted", "opted_out_then_born", "there is no story"},
		"a story that nobody plays":   {true, "`mapper/testdata/opted_out_then_deleted.txtar`", "`mapper/opted_out.txtar`", "there is no story"},
		"no such test":                {true, "TestAnOptOutOutlivesItsRep", "TestAnOptOutIsForgotten", "there is no test TestAnOptOutIsForgotten in internal/deliver"},
		"no such package":             {true, "`internal/deliver TestAnOptOutOutlivesItsRep`", "`internal/letters TestAnOptOutOutlivesItsRep`", "in internal/letters"},
		"a helper in a test's place":  {true, "`internal/deliver TestAnOptOutOutlivesItsRep`", "`internal/deliver TestMain`", "there is no test TestMain"},
		"nothing in a proof's place":  {true, row, "| 4 | remembered | |\n| 4 | forgotten | `mapper TestMany`", "has no proof"},
		"words in a proof's place":    {true, row, row + ", surely", "neither a test"},
		"an item that there is not":   {true, row, row + ", pending: later (all)", "neither a test"},
		"pending, and said to be":     {true, row, row + ", pending: console (a part)", "cases.md has pending: true"},
		"to come, and not pending":    {false, "| remembered |", "| remembered | **To come:** all.", "cases.md has pending: false"},
		"a reason without its code":   {true, "| 9 | `not_mailable` | `mapper/testdata/not_mailable.txtar`", "| 9 | `not_mailable` | `mapper/testdata/rep_added.txtar`", "rep_added.txtar does not have the code"},
		"a test without the code":     {true, "| 9 | `not_mailable` | ", "| 9 | `not_mailable` | `internal/deliver TestABatchLingers`, ", "TestABatchLingers does not have the code"},
		"a reason that is missing":    {false, "| `not_mailable` |", "| `hardly_mailable` |", "the planner says `not_mailable`"},
		"another sentence":            {false, mapper.ReasonNotMailable.Text(), "The person may not be mailed.", "the planner says `not_mailable`"},
		"a setting that there is not": {false, "`rules.on_removed`", "`rules.on_departed`", "no setting `rules.on_departed`"},
	} {
		t.Run(name, func(t *testing.T) {
			s, k := semantics, cases
			page := &s
			if tc.inCases {
				page = &k
			}
			if !strings.Contains(*page, tc.old) {
				t.Fatalf("the page does not hold %q: the mistake cannot be made", tc.old)
			}
			*page = strings.Replace(*page, tc.old, tc.mistake, 1)
			problems := c.problems(s, k)
			if !slices.ContainsFunc(problems, func(p string) bool { return strings.Contains(p, tc.want) }) {
				t.Errorf("problems: %q\nwant one with %q", problems, tc.want)
			}
		})
	}
}
