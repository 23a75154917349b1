package cli

import (
	"flag"
	"fmt"
	"io"
	"os"
	"strings"
	"testing"

	"github.com/alecthomas/kong"
)

var update = flag.Bool("update", false, "write docs/commands.md anew")

const page = "../../docs/commands.md"

// model is the command line without a program around it.
func model(t *testing.T) *kong.Kong {
	t.Helper()
	k, err := Program{Stdout: io.Discard, Stderr: io.Discard}.newParser(&commands{}, func(int) {})
	if err != nil {
		t.Fatal(err)
	}
	return k
}

// docs/commands.md is what the command line says of itself.
func TestCommandsPage(t *testing.T) {
	want := commandsPage(model(t).Model)
	if *update {
		if err := os.WriteFile(page, []byte(want), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	got, err := os.ReadFile(page)
	if err != nil {
		t.Fatal(err)
	}
	has, should := sections(string(got)), sections(want)
	for name, text := range should {
		switch {
		case has[name] == "":
			t.Errorf("docs/commands.md has no section %q", name)
		case has[name] != text:
			t.Errorf("docs/commands.md says something else of %q:\n%s\nthe command line says:\n%s", name, has[name], text)
		}
	}
	for name := range has {
		if should[name] == "" {
			t.Errorf("docs/commands.md has a section %q, which is no command", name)
		}
	}
	if string(got) != want {
		t.Error("write it anew: go test ./internal/cli -run TestCommandsPage -update")
	}
}

// sections are the texts of a page by their headings.
func sections(text string) map[string]string {
	all := map[string]string{}
	name := "the beginning"
	for line := range strings.Lines(text) {
		if strings.HasPrefix(line, "#") {
			name = strings.TrimSpace(strings.TrimLeft(line, "#"))
		}
		all[name] += line
	}
	return all
}

func commandsPage(app *kong.Application) string {
	var b strings.Builder
	linef := func(format string, args ...any) { fmt.Fprintf(&b, format+"\n", args...) }
	linef("# Commands\n\n%s\n\n%s\n", description, beginning)
	linef("This page is what the command line says of itself (`go test ./internal/cli -run TestCommandsPage -update`). `rollcall COMMAND --help` says")
	linef("the same at the terminal, `rollcall man | man -l -` as a manual page, and `rollcall completion bash|zsh|fish` completes in a shell.\n")
	linef("`--json` prints one document on standard output, with the same facts as the text and times in UTC. Messages, questions and progress go to")
	linef("standard error. Progress is shown on a terminal only. Whatever is wrong comes as one line, `rollcall: …`, and mostly a second, `Try: …`.\n")
	linef("## Exit codes\n\n| code | meaning |\n|---|---|")
	for _, c := range exitCodes {
		linef("| %d | %s |", c.code, c.meaning)
	}
	linef("\n## Environment\n\n| variable | effect |\n|---|---|")
	for _, v := range variables {
		linef("| `%s` | %s |", v.name, v.effect)
	}
	for _, p := range purposes {
		linef("\n## %s", p.title)
		for _, a := range p.commands {
			for _, n := range leaves(app.Node) {
				if top(n).Name == a.name {
					commandSection(linef, n, a)
				}
			}
		}
	}
	return b.String()
}

func commandSection(linef func(string, ...any), n *kong.Node, a about) {
	linef("\n### rollcall %s\n\n    %s\n\n%s", path(n), usageLine(n), n.Help)
	if a.fails != "" {
		linef("\nExit code 1 also says that %s.", a.fails)
	}
	flags := flagsOf(n)
	if len(n.Positional)+len(flags) > 0 {
		linef("\n| argument or flag | meaning |\n|---|---|")
		for _, v := range n.Positional {
			linef("| `%s` | %s |", cell(argument(v)), cell(v.Help))
		}
		for _, f := range flags {
			linef("| `%s` | %s |", cell(flagUsage(f)), cell(flagHelp(n, f)))
		}
	}
	if n == firstLeaf(top(n)) && len(a.examples) > 0 {
		linef("\nExamples:\n")
		for _, x := range a.examples {
			linef("    rollcall %s", x)
		}
	}
}

// cell is a text in a table.
func cell(text string) string { return strings.ReplaceAll(text, "|", `\|`) }
