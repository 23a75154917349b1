package archtest

import (
	"io/fs"
	"os"
	"strings"
	"testing"
	"testing/fstest"
)

// rules are all house rules, each with trees that break it. A tree is one file.
var rules = map[string]struct {
	check  func([]file) []string
	broken map[string]string // path → text
}{
	"imports go one way": {importsGoOneWay, map[string]string{
		"cdc/a.go":                  `package cdc; import _ "rollcall/internal/store"`,
		"sink/a.go":                 `package sink; import _ "rollcall/internal/store"`,
		"sink/constantcontact/a.go": `package constantcontact; import _ "rollcall/mapper"`,
		"sql/a.go":                  `package sql; import _ "rollcall/mapper"`,
		"mapper/a.go":               `package mapper; import _ "rollcall/sql"`,
		"internal/ccsim/a.go":       `package ccsim; import _ "rollcall/sink/constantcontact"`,
		"internal/store/a.go":       `package store; import _ "rollcall/internal/source"`,
		"cmd/rollcall/a.go":         `package main; import _ "rollcall/internal/app"`,
		"internal/demo/a.go":        `package demo; import _ "rollcall/internal/pgtest"`,
		"internal/stray/a.go":       `package stray`,
	}},
	"test servers are for tests": {testServersAreForTests, map[string]string{
		"internal/app/a.go":   `package app; import _ "rollcall/internal/pgtest"`,
		"internal/cli/a.go":   `package cli; import _ "testing"`,
		"internal/tally/a.go": `package tally; import _ "rollcall/internal/statetest"`,
	}},
	"the mapper is pure": {mapperIsPure, map[string]string{
		"mapper/a.go": `package mapper; import _ "os"`,
		"mapper/b.go": `package mapper; import _ "net/http"`,
		"mapper/c.go": `package mapper; import _ "github.com/jackc/pgx/v5"`,
		"mapper/d.go": `package mapper; import "time"; var now = time.Now`,
		"mapper/e.go": `package mapper; import clock "time"; func age(t clock.Time) clock.Duration { return clock.Since(t) }`,
		"mapper/f.go": `package mapper; import "time"; func wait() { time.Sleep(1) }`,
	}},
	"the clock is handed in": {clockIsHandedIn, map[string]string{
		"sink/a.go":           `package sink; import "time"; func age(t time.Time) time.Duration { return time.Now().Sub(t) }`,
		"internal/store/a.go": `package store; import "time"; var now = time.Now`,
		"internal/demo/a.go":  `package demo; import . "time"; var now = Now`,
	}},
	"random runs can be repeated": {randomCanBeRepeated, map[string]string{
		"internal/chamber/a.go":      `package chamber; import "math/rand/v2"; var n = rand.IntN(7)`,
		"internal/chamber/a_test.go": `package chamber; import old "math/rand"; func mix() { old.Shuffle(1, nil) }`,
	}},
	"files are short": {filesAreShort, map[string]string{
		"cdc/a.go": "package cdc" + strings.Repeat("\n", maxLines+1),
	}},
	"packages have one comment": {packagesHaveOneComment, map[string]string{
		"cdc/a.go": "package cdc\n",
	}},
	"packages have a purpose": {packagesHaveAPurpose, map[string]string{
		"internal/utils/a.go":   "package utils",
		"internal/strutil/a.go": "package strutil",
	}},
	"nothing runs by itself": {nothingRunsByItself, map[string]string{
		"cdc/a.go": "package cdc; func init() {}",
	}},
	"tests do not sleep": {testsDoNotSleep, map[string]string{
		"cdc/a_test.go": `package cdc; import "time"; func wait() { time.Sleep(1) }`,
	}},
	"modules replace nothing": {modulesReplaceNothing, map[string]string{
		"go.mod":     "module rollcall\n\nreplace a => ../a\n",
		"e2e/go.mod": "module rollcall/e2e\n\nreplace (\n\trollcall => ..\n)\n",
	}},
	"no merge is left half done": {noMergeIsLeftHalfDone, map[string]string{
		"docs/a.md":   "ours\n" + strings.Repeat("<", 7) + " HEAD\n",
		"sql/a/b.sql": strings.Repeat(">", 7) + " 6f64b9a (Say it)\n",
	}},
	"files fit every machine": {filesFitEveryMachine, map[string]string{
		"docs/a.md": "fetch it from https://" + forbidden[0] + "/x",
		"Makefile":  "test:\n\tcd " + forbidden[7] + "main && go test ./...\n",
	}},
}

func TestTree(t *testing.T) {
	files := read(t, os.DirFS(root(t)))
	if len(goFiles(files)) < 20 {
		t.Fatalf("%d Go files: this is not the whole tree", len(goFiles(files)))
	}
	for name, rule := range rules {
		t.Run(name, func(t *testing.T) {
			for _, problem := range rule.check(files) {
				t.Error(problem)
			}
		})
	}
}

func TestRulesFindWhatBreaksThem(t *testing.T) {
	for name, rule := range rules {
		for p, text := range rule.broken {
			t.Run(name+"/"+p, func(t *testing.T) {
				if problems := rule.check(read(t, tree(p, text))); len(problems) != 1 {
					t.Errorf("problems = %q, want one", problems)
				}
			})
		}
	}
}

func TestRulesAcceptWhatKeepsThem(t *testing.T) {
	kept := fstest.MapFS{
		"go.mod":                    {Data: []byte("module rollcall\n\ngo 1.26.0\n")},
		"mapper/doc.go":             {Data: []byte("// Package mapper plans.\npackage mapper\n")},
		"mapper/a.go":               {Data: []byte(`package mapper; import ("net/mail"; "time"); var _ mail.Address; var now func() time.Time`)},
		"cmd/rollcall/main.go":      {Data: []byte("// Rollcall is the program.\npackage main\n\nimport (_ \"rollcall/internal/cli\"; \"time\")\n\nvar start = time.Now()\n")},
		"mapper/b_test.go":          {Data: []byte(`package mapper; import ("math/rand/v2"; "time"); var (r = rand.New(rand.NewPCG(1, 2)); now = time.Now())`)},
		"mapper/a_test.go":          {Data: []byte(`package mapper; import _ "rollcall/internal/pgtest"`)},
		"mapper/testdata/broken.go": {Data: []byte("not Go")},
		"docs/picture.png":          {Data: []byte{0x89, 'P', 'N', 'G', 0}},
	}
	files := read(t, kept)
	for name, rule := range rules {
		if problems := rule.check(files); len(problems) != 0 {
			t.Errorf("%s: %q", name, problems)
		}
	}
}

func TestTwoPackageCommentsAreOneTooMany(t *testing.T) {
	files := read(t, fstest.MapFS{
		"cdc/a.go": {Data: []byte("// Package cdc reads.\npackage cdc\n")},
		"cdc/b.go": {Data: []byte("// Package cdc reads too.\npackage cdc\n")},
	})
	if problems := packagesHaveOneComment(files); len(problems) != 1 {
		t.Errorf("problems = %q, want one", problems)
	}
}

// tree is a tree of one file.
func tree(p, text string) fs.FS { return fstest.MapFS{p: {Data: []byte(text)}} }
