package main

import (
	"bufio"
	"context"
	"fmt"
	"io"
	"os"
	"os/exec"
	"runtime"
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
		fmt.Fprintf(out, "\n## %s\n\n%s\n\n    %s\n\n(%s)\n\n", r.name, r.about, r.command, r.took.Round(time.Second))
		fmt.Fprint(out, "| figure | value | unit |\n|---|---|---|\n")
		for _, f := range r.figures {
			fmt.Fprintf(out, "| %s | %s | %s |\n", f.name, f.value, f.unit)
		}
	}
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
	for _, tool := range []struct{ name, command string }{{"commit", "git describe --always --dirty"}, {"pg_recvlogical", "pg_recvlogical --version"}} {
		command := strings.Fields(tool.command)
		said, err := exec.CommandContext(ctx, command[0], command[1:]...).Output()
		value := strings.TrimSpace(string(said))
		if err != nil {
			value = "not known"
		}
		all = append(all, figure{name: tool.name, value: value})
	}
	return all
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
