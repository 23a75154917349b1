package archtest

import (
	"os"
	"path"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
)

var (
	link     = regexp.MustCompile(`\]\(([^)\s]+)\)`)
	headings = regexp.MustCompile(`(?m)^#+ (.+)$`)
	notInID  = regexp.MustCompile("[^a-z0-9 _-]")
)

// anchors are what links within a page lead to.
func anchors(page string) map[string]bool {
	all := map[string]bool{}
	for _, m := range headings.FindAllStringSubmatch(page, -1) {
		all[strings.ReplaceAll(notInID.ReplaceAllString(strings.ToLower(m[1]), ""), " ", "-")] = true
	}
	return all
}

// Links between pages lead to files and headings that there are.
func TestLinksLeadSomewhere(t *testing.T) {
	base := root(t)
	n := 0
	for _, f := range read(t, os.DirFS(base)) {
		if path.Ext(f.path) != ".md" {
			continue
		}
		for _, m := range link.FindAllStringSubmatch(string(f.text), -1) {
			target, anchor, _ := strings.Cut(m[1], "#")
			if strings.Contains(target, ":") {
				continue // elsewhere
			}
			n++
			to := f.path
			if target != "" {
				to = path.Join(path.Dir(f.path), target)
			}
			text, err := os.ReadFile(filepath.Join(base, to))
			if info, statErr := os.Stat(filepath.Join(base, to)); statErr == nil && info.IsDir() {
				err = nil
			}
			if err != nil || anchor != "" && !anchors(string(text))[anchor] {
				t.Errorf("%s links to %s, which there is not", f.path, m[1])
			}
		}
	}
	if n < 50 {
		t.Errorf("%d links are too few to be all", n)
	}
}
