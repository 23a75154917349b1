package archtest

import (
	"fmt"
	"slices"
	"strings"
)

// anything lets a package import all of ours.
var anything = []string{"*"}

// allowed says which packages of ours each package may import, outside its
// tests. Packages below bench measure like tests and are not listed.
var allowed = map[string][]string{
	"cdc":                               {},
	"mapper":                            {},
	"sink":                              {"mapper", "sink/constantcontact", "internal/pause"},
	"sink/constantcontact":              {},
	"sink/constantcontact/contracttest": {},
	"sink/constantcontact/oauth":        {},
	"sql":                               {},
	"cmd/rollcall":                      {"internal/cli"},

	"internal/access": {},
	"e2e/browser":     {},

	"internal/archtest":       {},
	"internal/budget":         {},
	"internal/credential":     {"sink/constantcontact", "sink/constantcontact/oauth", "internal/secretbox", "internal/failpoint"},
	"internal/lease":          {"internal/pause"},
	"internal/secretbox":      {},
	"internal/cases":          {},
	"internal/ccsim":          {},
	"internal/chamber":        {},
	"internal/config":         {},
	"internal/failpoint":      {},
	"internal/faultproxy":     {},
	"internal/localpg":        {},
	"internal/pause":          {},
	"internal/oracle":         {},
	"internal/oracle/mutants": {},
	"internal/pgtest":         {"internal/localpg"},
	"internal/probe":          {},
	"internal/redact":         {},
	"internal/httpserver":     {},
	"internal/version":        {},

	"internal/source":    {"cdc", "mapper", "sql"},
	"internal/setup":     {"cdc", "internal/source", "sql"},
	"internal/check":     {"cdc", "mapper", "internal/reconcile", "internal/source", "internal/setup", "sql"},
	"internal/store":     {"cdc", "mapper", "sink", "sql", "internal/access", "internal/budget", "internal/credential", "internal/lease", "internal/pause", "internal/failpoint"},
	"internal/widen":     {"cdc", "mapper", "internal/source", "internal/store", "internal/pause", "internal/failpoint"},
	"internal/report":    {"mapper", "internal/credential", "internal/store"},
	"internal/deliver":   {"mapper", "sink", "sink/constantcontact", "internal/source", "internal/store", "internal/pause", "internal/failpoint"},
	"internal/reconcile": {"mapper", "sink", "internal/source", "internal/store", "internal/failpoint"},
	"internal/statetest": {"internal/pgtest", "internal/store"},
	"internal/tally":     {"mapper", "internal/store"},
	"internal/console":   {"mapper", "internal/report", "internal/store", "internal/tally"},

	"internal/metrics": {"cdc", "sink", "sink/constantcontact", "internal/store", "internal/version"},

	"internal/demo": {"mapper", "sql", "internal/access", "internal/app", "internal/ccsim", "internal/chamber", "internal/config", "internal/localpg"},

	"internal/app": anything,
	"internal/cli": anything,
}

const module = "rollcall/"

// importsGoOneWay compares the imports with the table.
func importsGoOneWay(files []file) (problems []string) {
	for _, f := range goFiles(files) {
		if f.isTest() || below(f.path, "bench") {
			continue
		}
		may, listed := allowed[f.dir()]
		if !listed {
			problems = append(problems, fmt.Sprintf("%s: package %s is not in the table of imports", f.path, f.dir()))
			continue
		}
		for _, p := range f.imports() {
			ours, ok := strings.CutPrefix(p, module)
			if ok && !slices.Contains(may, ours) && !slices.Equal(may, anything) {
				problems = append(problems, fmt.Sprintf("%s imports %s", f.path, p))
			}
		}
	}
	return problems
}

// testServers are the packages that start servers for tests.
var testServers = []string{"internal/pgtest", "internal/statetest"}

// testServersAreForTests keeps what starts test servers out of the program.
func testServersAreForTests(files []file) (problems []string) {
	for _, f := range goFiles(files) {
		if f.isTest() || slices.Contains(testServers, f.dir()) {
			continue
		}
		for _, p := range f.imports() {
			if p == "testing" || slices.Contains(testServers, strings.TrimPrefix(p, module)) {
				problems = append(problems, fmt.Sprintf("%s imports %s outside a test", f.path, p))
			}
		}
	}
	return problems
}

// doesIO are import paths, with all below them, that reach outside the process.
var doesIO = []string{
	"bufio", "database/sql", "embed", "io", "log", "net", "os", "path/filepath", "plugin", "syscall", "testing",
	"github.com/jackc", "github.com/pressly", "golang.org/x/net", "golang.org/x/sys",
}

// pureParts are the exceptions to doesIO.
var pureParts = []string{"log/slog", "net/mail", "net/url", "golang.org/x/net/idna"}

// mapperIsPure holds the planner to its arguments: no input, no output, no clock.
func mapperIsPure(files []file) (problems []string) {
	for _, f := range goFiles(files) {
		if f.isTest() || f.dir() != "mapper" {
			continue
		}
		for _, p := range f.imports() {
			if slices.ContainsFunc(doesIO, func(root string) bool { return below(p, root) }) && !slices.Contains(pureParts, p) {
				problems = append(problems, fmt.Sprintf("%s imports %s", f.path, p))
			}
		}
		for _, name := range f.mentions("time") {
			if slices.Contains(readsClock, name) || slices.Contains(waits, name) {
				problems = append(problems, fmt.Sprintf("%s uses time.%s", f.path, name))
			}
		}
	}
	return problems
}

// What package time does besides calculating. "." is an import that hides it.
var (
	readsClock = []string{".", "Now", "Since", "Until"}
	waits      = []string{"After", "AfterFunc", "NewTicker", "NewTimer", "Sleep", "Tick"}
)

// hasClock are the packages, with all below them, that may read the clock. They
// hand it to all others.
var hasClock = []string{"bench", "cmd", "internal/app", "internal/cli", "internal/localpg"}

// clockIsHandedIn keeps the clock out of what a test drives through days and
// nights. Tests themselves hand in a clock.
func clockIsHandedIn(files []file) (problems []string) {
	for _, f := range goFiles(files) {
		if f.isTest() || slices.ContainsFunc(hasClock, func(root string) bool { return below(f.dir(), root) }) {
			continue
		}
		for _, name := range f.mentions("time") {
			if slices.Contains(readsClock, name) {
				problems = append(problems, fmt.Sprintf("%s reads the clock with time.%s", f.path, name))
			}
		}
	}
	return problems
}

// below says whether a path is root or lies below it.
func below(p, root string) bool {
	return p == root || strings.HasPrefix(p, root+"/")
}
