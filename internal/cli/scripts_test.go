package cli

import (
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/alecthomas/kong"
)

// scripts are all that call the program, by folder. In those of e2e/commands a
// line is the arguments alone.
var scripts = []string{"testdata/*.txtar", "testdata/connect/*.txtar", "../../e2e/commands/testdata/*.txtar"}

// worksIn are the tests that show a command at work which no script can: it
// serves until it is stopped, or needs a simulator that the script has not.
var worksIn = map[string]string{
	"run":         "../../e2e/e2e_test.go",
	"demo":        "../../e2e/demo_test.go",
	"sim":         "../../e2e/sim_test.go",
	"probe":       "../../e2e/probe_test.go",
	"status":      "../../e2e/status_test.go",
	"uninstall":   "../../e2e/uninstall_test.go",
	"healthcheck": "run_test.go",
	"init":        "init_test.go",
	"check":       "init_test.go",
}

// Every command is called in a script so that it works, and so that it does not.
func TestScriptsCallEveryCommand(t *testing.T) {
	root := model(t).Model.Node
	good, bad := map[string]bool{}, map[string]bool{}
	for _, pattern := range scripts {
		files, err := filepath.Glob(pattern)
		if err != nil || len(files) == 0 {
			t.Fatalf("%s: found %d scripts, %v", pattern, len(files), err)
		}
		for _, file := range files {
			text, err := os.ReadFile(file)
			if err != nil {
				t.Fatal(err)
			}
			for line := range strings.Lines(string(text)) {
				if strings.HasPrefix(line, "-- ") {
					break // files
				}
				args, fails, ok := call(strings.Fields(line))
				if !ok {
					continue
				}
				if name := called(root, args); fails {
					bad[name] = true
				} else {
					good[name] = true
				}
			}
		}
	}
	for _, n := range append(leaves(root), hiddenLeaves(root)...) {
		name := path(n)
		place, elsewhere := worksIn[name]
		switch {
		case elsewhere && !mentions(t, place, name):
			t.Errorf("worksIn: %s shows no rollcall %s", place, name)
		case !elsewhere && !good[name]:
			t.Errorf("no script calls rollcall %s so that it works; add one to internal/cli/testdata or e2e/commands/testdata", name)
		}
		if !bad[name] && !n.Hidden {
			t.Errorf("no script calls rollcall %s so that it fails, with its exit code and message", name)
		}
	}
}

// call takes a line of a script apart: the arguments of the program, and whether
// it must fail.
func call(words []string) (args []string, fails, ok bool) {
	if len(words) > 0 && words[0] == "!" {
		words, fails = words[1:], true
	}
	if len(words) < 2 {
		return nil, false, false
	}
	i := slices.Index(words, "rollcall")
	switch words[0] {
	case "exits", "signs-in":
		fails = words[1] != "0"
		if i < 0 {
			i = 1
		}
	case "rollcall", "exec", "holds-lease":
	default:
		return nil, false, false
	}
	if i < 0 {
		return nil, false, false
	}
	return words[i+1:], fails, true
}

// called is the command that arguments call.
func called(n *kong.Node, args []string) string {
	for _, word := range args {
		child := n
		for _, c := range n.Children {
			if c.Name == word {
				child = c
			}
		}
		if child == n {
			break
		}
		n = child
	}
	if n.DefaultCmd != nil {
		n = n.DefaultCmd
	}
	return path(n)
}

func hiddenLeaves(n *kong.Node) []*kong.Node {
	return slices.DeleteFunc(slices.Clone(n.Children), func(c *kong.Node) bool { return !c.Hidden || len(c.Children) > 0 })
}

// mentions says whether a test file, or one of a folder, has a word.
func mentions(t *testing.T, place, word string) bool {
	t.Helper()
	files := []string{place}
	if info, err := os.Stat(place); err != nil {
		t.Fatal(err)
	} else if info.IsDir() {
		if files, err = filepath.Glob(place + "/*_test.go"); err != nil {
			t.Fatal(err)
		}
	}
	for _, file := range files {
		text, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		if regexp.MustCompile(`"` + word + `[" ]`).Match(text) {
			return true
		}
	}
	return false
}
