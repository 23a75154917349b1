package cli

import (
	"os"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"
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
}
