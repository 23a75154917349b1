package mapper

import (
	"flag"
	"os"
	"path/filepath"
	"testing"

	"github.com/rogpeppe/go-internal/txtar"
)

var update = flag.Bool("update", false, "write what the stories say now into testdata")

// TestStories plays testdata/*.txtar. A story is a list of sections. Most of
// them set the rows of one kind anew, see world.set; the others say what
// follows, and are compared:
//
//	plan     what Plan says. Its operations are then carried out.
//	changed  the pairs that the reads in the section before changed.
func TestStories(t *testing.T) {
	files, err := filepath.Glob("testdata/*.txtar")
	if err != nil || len(files) == 0 {
		t.Fatalf("find stories: %d files, error %v", len(files), err)
	}
	for _, file := range files {
		t.Run(filepath.Base(file), func(t *testing.T) { playStory(t, file) })
	}
}

func playStory(t *testing.T, file string) {
	story, err := txtar.ParseFile(file)
	if err != nil {
		t.Fatal(err)
	}
	w := newWorld()
	for i, section := range story.Files {
		var got string
		switch section.Name {
		case "plan":
			got = w.plan(t)
		case "changed":
			got = w.changed
		default:
			if err := w.set(section.Name, string(section.Data)); err != nil {
				t.Fatalf("section %d: %v", i+1, err)
			}
			continue
		}
		if *update {
			story.Files[i].Data = []byte(got)
		} else if want := string(section.Data); got != want {
			t.Errorf("section %d, %s:\ngot:\n%s\nwant:\n%s", i+1, section.Name, got, want)
		}
	}
	if *update {
		if err := os.WriteFile(file, txtar.Format(story), 0o644); err != nil {
			t.Fatal(err)
		}
	}
}
