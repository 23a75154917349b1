package cli

import (
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/alecthomas/kong"
)

// The page that lists exit codes has those that there are.
func TestDocsHaveEveryExitCode(t *testing.T) {
	program, err := os.ReadFile("cli.go")
	if err != nil {
		t.Fatal(err)
	}
	page, err := os.ReadFile("../../docs/operations.md")
	if err != nil {
		t.Fatal(err)
	}
	_, section, found := strings.Cut(string(page), "## Exit codes\n")
	section, _, ended := strings.Cut(section, "\n## ")
	if !found || !ended {
		t.Fatal("operations.md has no section Exit codes")
	}
	numbers := func(pattern, text string) (all []int) {
		for _, m := range regexp.MustCompile(pattern).FindAllStringSubmatch(text, -1) {
			n, err := strconv.Atoi(m[1])
			if err != nil {
				t.Fatal(err)
			}
			all = append(all, n)
		}
		return all
	}
	have, described := numbers(`(?m)^\tExit\w+ += (\d+)`, string(program)), numbers(`(?m)^\| (\d+) \|`, section)
	if !slices.Equal(have, described) || len(have) < 3 {
		t.Errorf("the program has %v, the page %v", have, described)
	}
	var explained []int // by commands.md and the manual page
	for _, c := range exitCodes {
		explained = append(explained, c.code)
	}
	if !slices.Equal(have, explained) {
		t.Errorf("the program has %v, and explains %v", have, explained)
	}
	for name, text := range pages(t) {
		for _, n := range numbers(`(?i)\bexits?(?: with| code)?s?:? (\d+)`, text) {
			if !slices.Contains(have, n) {
				t.Errorf("%s speaks of the exit code %d, which there is not", name, n)
			}
		}
	}
}

// pages are the texts of the documents for people, by their names.
func pages(t *testing.T) map[string]string {
	t.Helper()
	files, err := filepath.Glob("../../docs/*.md")
	if err != nil || len(files) < 10 {
		t.Fatalf("%d pages, %v", len(files), err)
	}
	all := map[string]string{}
	for _, file := range append(files, "../../README.md") {
		text, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		all[filepath.Base(file)] = string(text)
	}
	return all
}

var (
	block    = regexp.MustCompile("(?ms)^```.*?^```$")
	span     = regexp.MustCompile("`([^`]+)`")
	calls    = regexp.MustCompile(`(?:^|[|;/] ?|until |sudo )rollcall ([^|;>&]+)`)
	longFlag = regexp.MustCompile(`^--[a-z][a-z-]*`)
)

// Every command and flag that a page speaks of is one that there is.
func TestDocsNameCommandsThatThereAre(t *testing.T) {
	seen := map[string]bool{}
	for name, text := range pages(t) {
		var code []string
		for _, b := range block.FindAllString(text, -1) {
			for line := range strings.Lines(b) {
				if command, typed := strings.CutPrefix(line, "$ "); typed {
					code = append(code, command)
				}
			}
		}
		for _, m := range span.FindAllStringSubmatch(block.ReplaceAllString(text, ""), -1) {
			if said := strings.Join(strings.Fields(m[1]), " "); strings.HasPrefix(said, "rollcall ") {
				code = append(code, said)
			}
		}
		for _, line := range code {
			for _, m := range calls.FindAllStringSubmatch(line, -1) {
				seen[wantCommand(t, name, strings.Fields(m[1]))] = true
			}
		}
	}
	if len(seen) < 20 {
		t.Errorf("%d commands are too few to be all that pages speak of", len(seen))
	}
}

// wantCommand finds fault with a command line whose command, or one of whose
// flags, there is not.
func wantCommand(t *testing.T, page string, words []string) string {
	t.Helper()
	node, called := model(t).Model.Node, "rollcall"
	for i, word := range words {
		if strings.HasPrefix(word, "-") || len(node.Children) == 0 || word == strings.ToUpper(word) {
			break
		}
		at := slices.IndexFunc(node.Children, func(child *kong.Node) bool { return child.Name == word })
		if at < 0 {
			if i == 0 || node.DefaultCmd == nil {
				t.Errorf("%s calls %q, which there is not", page, called+" "+word)
			}
			break
		}
		node, called = node.Children[at], called+" "+word
	}
	for _, word := range words {
		flag := longFlag.FindString(word)
		known := func(f *kong.Flag) bool { return "--"+f.Name == flag }
		if flag != "" && flag != "--help" && !slices.ContainsFunc(flagsBelow(node), known) {
			t.Errorf("%s calls %q with %s, which it does not have", page, called, flag)
		}
	}
	return called
}

// flagsBelow are the flags of a command, and of those within it.
func flagsBelow(n *kong.Node) []*kong.Flag {
	all := flagsOf(n)
	for _, leaf := range leaves(n) {
		all = append(all, flagsOf(leaf)...)
	}
	return all
}
