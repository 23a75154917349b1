package archtest

import (
	"flag"
	"fmt"
	"go/ast"
	"go/token"
	"maps"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"
)

var update = flag.Bool("update", false, "write the table of docs/logs.md anew")

// event is what the program may log: a message that stays as it is, because people
// search for it.
type event struct {
	text   string
	levels map[string]bool
	keys   map[string]bool
	from   map[string]bool // folders
}

var logLevels = map[string]string{"Debug": "debug", "Info": "info", "Warn": "warn", "Error": "error"}

// events are all calls of a logger in the program.
func events(files []file) (all map[string]*event, problems []string) {
	all = map[string]*event{}
	for _, f := range goFiles(files) {
		if f.isTest() || below(f.path, "bench") || below(f.path, "internal/demo") || below(f.path, "internal/oracle") {
			continue
		}
		ast.Inspect(f.syntax, func(n ast.Node) bool {
			call, ok := n.(*ast.CallExpr)
			if !ok {
				return true
			}
			method, ok := call.Fun.(*ast.SelectorExpr)
			if !ok || logLevels[method.Sel.Name] == "" || !isLog(method.X) || len(call.Args) == 0 {
				return true
			}
			text, ok := literal(call.Args[0])
			if !ok {
				problems = append(problems, fmt.Sprintf("%s logs a message that is made up as it runs", f.path))
				return true
			}
			e := all[text]
			if e == nil {
				e = &event{text: text, levels: map[string]bool{}, keys: map[string]bool{}, from: map[string]bool{}}
				all[text] = e
			}
			e.levels[logLevels[method.Sel.Name]] = true
			e.from[f.dir()] = true
			for i := 1; i < len(call.Args); i += 2 {
				if key, ok := literal(call.Args[i]); ok {
					e.keys[key] = true
				}
			}
			return true
		})
	}
	return all, problems
}

// isLog says whether an expression is a logger, by its name.
func isLog(x ast.Expr) bool {
	switch x := x.(type) {
	case *ast.Ident:
		return strings.EqualFold(x.Name, "log")
	case *ast.SelectorExpr:
		return strings.EqualFold(x.Sel.Name, "log")
	}
	return false
}

// literal is a text that is written out, in one piece or several.
func literal(x ast.Expr) (string, bool) {
	switch x := x.(type) {
	case *ast.BasicLit:
		if x.Kind != token.STRING {
			return "", false
		}
		text, err := strconv.Unquote(x.Value)
		return text, err == nil
	case *ast.BinaryExpr:
		left, ok := literal(x.X)
		right, ok2 := literal(x.Y)
		return left + right, ok && ok2 && x.Op == token.ADD
	}
	return "", false
}

const (
	eventsBegin = "<!-- The table is made of the code: go test ./internal/archtest -run TestLogs -update -->\n\n"
	eventsEnd   = "\n<!-- end of the table -->"
)

func sorted(set map[string]bool) string { return strings.Join(slices.Sorted(maps.Keys(set)), ", ") }

func eventTable(all map[string]*event) string {
	var b strings.Builder
	b.WriteString("| event (`msg`) | level | keys | from |\n|---|---|---|---|\n")
	for _, text := range slices.Sorted(maps.Keys(all)) {
		e := all[text]
		fmt.Fprintf(&b, "| %s | %s | %s | %s |\n", text, sorted(e.levels), sorted(e.keys), sorted(e.from))
	}
	return b.String()
}

var describedKey = regexp.MustCompile("(?m)^\\| `([a-z_]+)` \\|")

// The page has every event and every key that the program logs, and no others.
func TestLogsAreDescribed(t *testing.T) {
	base := root(t)
	all, problems := events(read(t, os.DirFS(base)))
	for _, p := range problems {
		t.Error(p)
	}
	path := filepath.Join(base, "docs", "logs.md")
	text, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	before, rest, begins := strings.Cut(string(text), eventsBegin)
	have, after, ends := strings.Cut(rest, eventsEnd)
	if !begins || !ends {
		t.Fatal("docs/logs.md has no table")
	}
	if *update {
		have = eventTable(all)
		if err := os.WriteFile(path, []byte(before+eventsBegin+have+eventsEnd+after), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	if want := eventTable(all); have != want {
		t.Errorf("docs/logs.md has\n%s\nthe program has\n%s\nTry: go test ./internal/archtest -run TestLogs -update", have, want)
	}
	keys := map[string]bool{"time": true, "level": true, "msg": true, "component": true}
	for _, e := range all {
		maps.Copy(keys, e.keys)
	}
	described := map[string]bool{}
	for _, m := range describedKey.FindAllStringSubmatch(before, -1) {
		described[m[1]] = true
	}
	for key := range keys {
		if !described[key] {
			t.Errorf("docs/logs.md does not say what the key %s is", key)
		}
	}
	for key := range described {
		if !keys[key] {
			t.Errorf("docs/logs.md describes the key %s, which nothing logs", key)
		}
	}
}

func TestEventsAreFound(t *testing.T) {
	all, problems := events(read(t, tree("cdc/a.go", `package cdc
func f() {
	r.cfg.Log.Warn("one " + "event", "lsn", 1, "err", err)
	log.Info("one event", "more", 2)
	s.Log.Error(text)
	fmt.Info("not a log")
}`)))
	e := all["one event"]
	if len(all) != 1 || e == nil || sorted(e.levels) != "info, warn" || sorted(e.keys) != "err, lsn, more" || len(problems) != 1 {
		t.Errorf("found %v, %q", all, problems)
	}
}
