package cli

import (
	"bytes"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/alecthomas/kong"
)

// Every command has a purpose and examples, and every purpose its commands.
func TestEveryCommandHasAPurpose(t *testing.T) {
	var described []string
	for _, p := range purposes {
		for _, a := range p.commands {
			if slices.Contains(described, a.name) {
				t.Errorf("purposes (internal/cli/model.go) has %s twice", a.name)
			}
			described = append(described, a.name)
			if len(a.examples) == 0 {
				t.Errorf("purposes (internal/cli/model.go) has no example of %s", a.name)
			}
		}
	}
	for _, n := range model(t).Model.Children { // arrange refuses a purpose without its command
		if !n.Hidden && !slices.Contains(described, n.Name) {
			t.Errorf("purposes (internal/cli/model.go) has no command %s: put it below a title, with an example", n.Name)
		}
	}
}

// What help shows can be typed.
func TestExamplesAreCommandLines(t *testing.T) {
	t.Chdir(t.TempDir())
	for _, file := range []string{"views.sql", "watches.sql", "consent.jsonl"} {
		if err := os.WriteFile(file, nil, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	for _, p := range purposes {
		for _, a := range p.commands {
			for _, x := range a.examples {
				parsed, err := model(t).Parse(words(x))
				if err != nil {
					t.Errorf("rollcall %s: %v", x, err)
				} else if got := top(parsed.Selected()).Name; got != a.name {
					t.Errorf("rollcall %s is an example of %s, not of %s", x, got, a.name)
				}
			}
		}
	}
}

// words are those of a command line, as a shell takes it apart.
func words(line string) []string {
	var all []string
	for i, part := range strings.Split(line, `"`) {
		if i%2 == 1 {
			all = append(all, part)
		} else {
			all = append(all, strings.Fields(part)...)
		}
	}
	return all
}

// Commands begin with what they do, and end as a sentence; names are words with
// dashes.
func TestCommandsSpeakAlike(t *testing.T) {
	check := func(what, help string) {
		first, _, _ := strings.Cut(help, " ")
		if help == "" || !strings.HasSuffix(help, ".") || strings.ToUpper(first[:1]) != first[:1] {
			t.Errorf("%s: %q is no sentence", what, help)
		}
		if strings.HasSuffix(strings.TrimRight(first, ",."), "s") {
			t.Errorf("%s: %q does not begin with a verb that tells what to do", what, help)
		}
	}
	for _, n := range append(leaves(model(t).Model.Node), model(t).Model.Children...) {
		check(path(n), n.Help)
		for _, f := range flagsOf(n) {
			if f.Help == "" || !strings.HasSuffix(f.Help, ".") {
				t.Errorf("%s --%s: %q is no sentence", path(n), f.Name, f.Help)
			}
		}
		for _, v := range n.Positional {
			if v.Help == "" || !strings.HasSuffix(v.Help, ".") {
				t.Errorf("%s <%s>: %q is no sentence", path(n), v.Name, v.Help)
			}
		}
	}
}

// withoutJSON are the commands that have nothing to say in JSON.
var withoutJSON = map[string]string{
	"run": "serves until it is stopped", "sim": "serves until it is stopped",
	"completion": "prints a script", "man": "prints a page",
}

func TestEveryCommandPrintsJSON(t *testing.T) {
	for _, n := range leaves(model(t).Model.Node) {
		has := slices.ContainsFunc(flagsOf(n), func(f *kong.Flag) bool { return f.Name == "json" })
		if _, without := withoutJSON[path(n)]; has == without {
			t.Errorf("%s: --json is %v; see withoutJSON (internal/cli/model_test.go)", path(n), has)
		}
	}
}

// The same flag is the same everywhere.
func TestFlagsAreAlike(t *testing.T) {
	type flag struct {
		short rune
		bool  bool
	}
	first := map[string]flag{}
	from := map[string]string{}
	for _, n := range leaves(model(t).Model.Node) {
		for _, f := range flagsOf(n) {
			got := flag{f.Short, f.IsBool()}
			if want, seen := first[f.Name]; seen && want != got && f.Name != "wait" {
				t.Errorf("--%s of %s is another than that of %s", f.Name, path(n), from[f.Name])
			}
			first[f.Name], from[f.Name] = got, path(n)
		}
	}
}

func TestComplete(t *testing.T) {
	root := model(t).Model.Node
	for line, want := range map[string]string{
		"ex":                             "explain export",
		"users ":                         "list add role password remove",
		"users r":                        "role remove",
		"users add ann --role ":          "viewer operator admin",
		"users add ann --role o":         "operator",
		"users add ann --role=o":         "--role=operator",
		"users add ann --role = ad":      "admin",
		"users role ben ":                "viewer operator admin",
		"users role ":                    "",
		"users --js":                     "--json",
		"completion ":                    "bash zsh fish",
		"plan --l":                       "--list",
		"plan --config ":                 "",
		"plan --config /etc/x.yaml --na": "--names",
		"-h":                             "",
		"nonsense ":                      "",
		"comp":                           "completion",
		"sync Board --y":                 "--yes",
	} {
		before, typed := line, ""
		if i := strings.LastIndex(line, " "); i >= 0 {
			before, typed = line[:i], line[i+1:]
		} else {
			before, typed = "", line
		}
		var got []string
		for _, c := range complete(root, append(strings.Fields(before), typed)) {
			got = append(got, c.word)
		}
		if g := strings.Join(got, " "); g != want {
			t.Errorf("%q completes to %q, want %q", line, g, want)
		}
	}
}

// The scripts are ones that their shells read, and they offer what complete says.
func TestCompletionInShells(t *testing.T) {
	dir := t.TempDir()
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	// The test binary is the program when it is called by this name.
	if err := os.WriteFile(filepath.Join(dir, "rollcall"), []byte("#!/bin/sh\nROLLCALL_AS_PROGRAM=1 exec "+self+" \"$@\"\n"), 0o700); err != nil {
		t.Fatal(err)
	}
	for shell, test := range map[string]string{
		"bash": `source ./script; COMP_WORDS=(rollcall users r); COMP_CWORD=2; _rollcall; echo "${COMPREPLY[@]}"`,
		"zsh":  `compdef() { :; }; _describe() { for f in "${(@P)3}"; do print -n "${f%%:*} "; done }; source ./script; words=(rollcall users r); CURRENT=3; _rollcall`,
		"fish": `source ./script; complete -C 'rollcall users r' | string replace -r '\t.*' '' | string join ' '`,
	} {
		t.Run(shell, func(t *testing.T) {
			bin, err := exec.LookPath(shell)
			if err != nil {
				t.Skipf("there is no %s here", shell)
			}
			if err := os.WriteFile(filepath.Join(dir, "script"), []byte(completionScripts[shell]), 0o600); err != nil {
				t.Fatal(err)
			}
			cmd := exec.CommandContext(t.Context(), bin, "-c", test)
			cmd.Dir = dir
			cmd.Env = append(os.Environ(), "PATH="+dir+":"+os.Getenv("PATH"), "HOME="+dir)
			out, err := cmd.CombinedOutput()
			if words := strings.Fields(string(out)); err != nil || !slices.Contains(words, "role") || !slices.Contains(words, "remove") || len(words) != 2 {
				t.Errorf("completes to %q, %v", out, err)
			}
		})
	}
}

func TestManPage(t *testing.T) {
	text := manPage(model(t).Model)
	for _, n := range leaves(model(t).Model.Node) {
		if !strings.Contains(text, ".SS \""+roff("rollcall "+path(n))) {
			t.Errorf("the manual page has no %s", path(n))
		}
	}
	for line := range strings.Lines(text) {
		if strings.HasPrefix(line, "'") || strings.HasPrefix(line, ".") && !slices.Contains([]string{".TH", ".SH", ".SS", ".TP", ".B", ".I", ".PP", ".nf", ".fi"}, strings.Fields(line)[0]) {
			t.Errorf("roff takes this for a command: %s", line)
		}
	}
	if got := roff(`.a \ 'b' - c`); got != `\&.a \e \(aqb\(aq \- c` {
		t.Errorf("escapes to %s", got)
	}
	man, err := exec.LookPath("man")
	if err != nil {
		t.Skip("there is no man here to read the page")
	}
	cmd := exec.CommandContext(t.Context(), man, "--warnings", "-l", "-")
	cmd.Stdin = strings.NewReader(text)
	var out, problems bytes.Buffer
	cmd.Stdout, cmd.Stderr = io.MultiWriter(&out), &problems
	if err := cmd.Run(); err != nil || problems.Len() > 0 || !strings.Contains(out.String(), "rollcall users add <name>") {
		t.Errorf("man says %s, %v:\n%s", &problems, err, &out)
	}
}
