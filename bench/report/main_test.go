package main

import (
	"bytes"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"
)

func TestReadFigures(t *testing.T) {
	got, err := readFigures(strings.NewReader("starting\nBENCH drain_wall 0.61 ratio\nBENCH calls_one_change total=3 writes=1\n"))
	want := []figure{{"drain_wall", "0.61", "ratio"}, {"calls_one_change total", "3", ""}, {"calls_one_change writes", "1", ""}}
	if err != nil || !slices.Equal(got, want) {
		t.Fatalf("read %v, %v; want %v", got, err, want)
	}
	for _, bad := range []string{"BENCH", "BENCH name", "BENCH name 3", "BENCH name 3 of a kind"} {
		if _, err := readFigures(strings.NewReader(bad)); err == nil {
			t.Errorf("%q was read", bad)
		}
	}
}

func TestPageHasEveryFigure(t *testing.T) {
	var out bytes.Buffer
	write(&out, machine(t.Context()), []result{{bench: benches[0], command: "go run x", figures: []figure{{"a", "1", "ratio"}}, took: time.Second}}, time.Minute)
	for _, want := range []string{"| a | 1 | ratio |", "go run x", "took 1m0s", "| processors |", "## " + benches[0].name} {
		if !strings.Contains(out.String(), want) {
			t.Errorf("the page lacks %q:\n%s", want, out.String())
		}
	}
	if name, err := os.Hostname(); err == nil && len(name) > 3 && strings.Contains(out.String(), name) {
		t.Error("the page has the machine's name")
	}
}

// A bench that is run alone has its section of the page written anew, and no other.
func TestSectionIsWrittenAnew(t *testing.T) {
	of := func(value string, of ...bench) (results []result) {
		for _, b := range of {
			results = append(results, result{bench: b, figures: []figure{{b.name + "_x", value, "ratio"}}})
		}
		return results
	}
	for i, b := range benches {
		var before, after bytes.Buffer
		write(&before, nil, of("1", benches...), time.Minute)
		all := of("1", benches...)
		all[i] = of("2", b)[0]
		write(&after, nil, all, time.Minute)
		got, err := rewrite(before.Bytes(), of("2", b)[0])
		if err != nil || string(got) != after.String() {
			t.Errorf("%s: %v\n%s", b.name, err, got)
		}
	}
	if _, err := rewrite([]byte("# Figures\n"), of("1", benches[0])[0]); err == nil {
		t.Error("a page without the section was rewritten")
	}
}

// What a bench prints after minutes is a line that can be read.
func TestEveryBenchPrintsFigures(t *testing.T) {
	printed := regexp.MustCompile(`"(BENCH [^"]*)\\n"`)
	for _, b := range benches {
		files, err := filepath.Glob(filepath.Join("..", b.name, "*.go"))
		if err != nil {
			t.Fatal(err)
		}
		lines := 0
		for _, name := range files {
			source, err := os.ReadFile(name)
			if err != nil {
				t.Fatal(err)
			}
			for _, line := range printed.FindAllStringSubmatch(string(source), -1) {
				lines++
				if _, err := readFigures(strings.NewReader(line[1])); err != nil {
					t.Errorf("%s: %v", name, err)
				}
			}
		}
		if lines == 0 {
			t.Errorf("bench %s prints no figures that the test finds", b.name)
		}
	}
}

// Every program under bench is run, but those that are only a part of one.
func TestEveryBenchIsRun(t *testing.T) {
	parts := []string{"association", "memory", "peers", "report"}
	entries, err := os.ReadDir("..")
	if err != nil {
		t.Fatal(err)
	}
	for _, e := range entries {
		known := slices.ContainsFunc(benches, func(b bench) bool { return b.name == e.Name() })
		if !known && !slices.Contains(parts, e.Name()) {
			t.Errorf("bench/%s is not in the list of what is run", e.Name())
		}
	}
}
