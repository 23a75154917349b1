package main

import (
	"bufio"
	"bytes"
	"context"
	"fmt"
	"io"
	"os"
	"os/exec"
	"runtime"
	"slices"
	"strings"
	"time"
)

// write writes the page.
func write(out io.Writer, machine []figure, results []result, took time.Duration) {
	fmt.Fprintf(out, "# Figures\n\nWritten by `make bench`, which took %s. The ratios say something on other machines too: both sides ran in the same minutes\n"+
		"on this one. The absolute figures do not.\n\n", took.Round(time.Second))
	fmt.Fprint(out, "| machine | |\n|---|---|\n")
	for _, m := range machine {
		fmt.Fprintf(out, "| %s | %s |\n", m.name, m.value)
	}
	for _, r := range results {
		r.write(out)
	}
}

// write writes the section of a bench.
func (r result) write(out io.Writer) {
	fmt.Fprintf(out, "\n## %s\n\n%s\n\n    %s\n\n(%s, at commit %s)\n\n", r.name, r.about, r.command, r.took.Round(time.Second), r.commit)
	fmt.Fprint(out, "| figure | value | unit |\n|---|---|---|\n")
	for _, f := range r.figures {
		fmt.Fprintf(out, "| %s | %s | %s |\n", f.name, f.value, f.unit)
	}
}

// rewrite puts the section of a bench in the place of the one that a page has.
func rewrite(page []byte, r result) ([]byte, error) {
	heading := []byte("\n## " + r.name + "\n")
	begin := bytes.Index(page, heading)
	if begin < 0 {
		return nil, fmt.Errorf("the page has no section %q: write it whole first", r.name)
	}
	end := len(page)
	if next := bytes.Index(page[begin+len(heading):], []byte("\n## ")); next >= 0 {
		end = begin + len(heading) + next
	}
	out := bytes.NewBuffer(slices.Clone(page[:begin]))
	r.write(out)
	out.Write(page[end:])
	return out.Bytes(), nil
}

// machine describes where the benches ran, without the machine's name.
func machine(ctx context.Context) []figure {
	all := []figure{
		{name: "processor", value: fieldOf("/proc/cpuinfo", "model name")},
		{name: "processors", value: fmt.Sprint(runtime.NumCPU())},
		{name: "memory", value: fieldOf("/proc/meminfo", "MemTotal")},
		{name: "system", value: runtime.GOOS + "/" + runtime.GOARCH},
		{name: "Go", value: runtime.Version()},
	}
	return append(all, figure{name: "pg_recvlogical", value: said(ctx, "pg_recvlogical", "--version")})
}

// said is what a command prints.
func said(ctx context.Context, name string, args ...string) string {
	text, err := exec.CommandContext(ctx, name, args...).Output()
	if err != nil {
		return "not known"
	}
	return strings.TrimSpace(string(text))
}

// fieldOf is the first value of a name in a file of lines name: value.
func fieldOf(path, name string) string {
	file, err := os.Open(path)
	if err != nil {
		return "not known"
	}
	defer file.Close()
	lines := bufio.NewScanner(file)
	for lines.Scan() {
		if key, value, found := strings.Cut(lines.Text(), ":"); found && strings.TrimSpace(key) == name {
			return strings.TrimSpace(value)
		}
	}
	return "not known"
}
