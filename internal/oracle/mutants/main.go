// Mutants spoils one rule at a time and runs the tests that should notice: the
// oracle, and for what it cannot see the tests of a package. A mutant that
// nobody notices, or whose text is no longer in its file, makes it fail.
//
// The tree is not changed: the spoilt file reaches the compiler as an overlay.
package main

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"os"
	"os/exec"
	"os/signal"
	"path/filepath"
	"slices"
	"strings"
)

func main() {
	only := flag.String("only", "", "run mutants whose name contains this")
	checks := flag.Int("checks", 200, "checks that the oracle makes of each mutant")
	seed := flag.Int("seed", 1, "seed of the first round of checks")
	flag.Parse()
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt)
	defer stop()
	if err := run(ctx, *only, *checks, *seed); err != nil {
		fmt.Fprintln(os.Stderr, "mutants:", err)
		os.Exit(1)
	}
}

func run(ctx context.Context, only string, checks, seed int) error {
	folder, err := os.MkdirTemp("", "mutants")
	if err != nil {
		return err
	}
	defer os.RemoveAll(folder)
	chosen := slices.DeleteFunc(slices.Clone(mutants), func(m mutant) bool { return !strings.Contains(m.name, only) })
	if len(chosen) == 0 {
		return fmt.Errorf("no mutant has %q in its name", only)
	}
	if err := sound(ctx, folder, chosen, checks, seed); err != nil {
		return err
	}
	missed := 0
	for _, m := range chosen {
		by, err := m.caught(ctx, folder, checks, seed)
		if ctx.Err() != nil {
			return ctx.Err()
		}
		switch {
		case err != nil:
			missed++
			fmt.Printf("BROKEN  %s: %v\n", m.name, err)
		case by == "":
			missed++
			fmt.Printf("MISSED  %s\n", m.name)
		default:
			fmt.Printf("caught  %s: %s\n", m.name, by)
		}
	}
	if missed > 0 {
		return fmt.Errorf("%d of %d mutants were not caught", missed, len(chosen))
	}
	fmt.Printf("all %d mutants were caught\n", len(chosen))
	return nil
}

// sound says that the tests pass while nothing is spoilt, or they would prove
// nothing.
func sound(ctx context.Context, folder string, chosen []mutant, checks, seed int) error {
	done := map[string]bool{}
	for _, m := range chosen {
		if done[m.test+m.run] {
			continue
		}
		done[m.test+m.run] = true
		by, err := mutant{test: m.test, run: m.run}.caught(ctx, folder, checks, seed)
		if err != nil {
			return fmt.Errorf("test the tree as it is: %w", err)
		}
		if by != "" {
			return fmt.Errorf("the tree as it is does not pass: %s", by)
		}
	}
	return nil
}

// mutant is a rule and how to spoil it.
type mutant struct {
	name     string
	file     string // from the root of the module
	old, new string // old is in the file once
	// test is what should notice, a package and a test; empty: the oracle.
	test, run string
}

// caught returns what noticed, in a line, or nothing.
func (m mutant) caught(ctx context.Context, folder string, checks, seed int) (by string, err error) {
	overlay := ""
	if m.file != "" {
		if overlay, err = m.overlay(folder); err != nil {
			return "", err
		}
	}
	test, name := "./internal/oracle", "TestOracle"
	if m.test != "" {
		test, name = m.test, m.run
	}
	if strings.HasSuffix(m.file, ".go") {
		build := exec.CommandContext(ctx, "go", "build", "-overlay", overlay, "./"+filepath.Dir(m.file))
		if out, err := build.CombinedOutput(); err != nil {
			return "", fmt.Errorf("does not compile: %s", firstLine(out, ".go:"))
		}
	}
	cmd := exec.CommandContext(ctx, "go", "test", "-overlay", overlay, "-count=1", "-vet=off", "-parallel=4", "-timeout=20m", "-run", name, test)
	cmd.Env = append(os.Environ(), fmt.Sprint("ORACLE_CHECKS=", checks), fmt.Sprint("ORACLE_SEED=", seed), "ORACLE_SHRINK=0s")
	out, err := cmd.CombinedOutput()
	exit, failed := errors.AsType[*exec.ExitError](err)
	switch {
	case err == nil:
		return "", nil
	case !failed || exit.ExitCode() != 1 || bytes.Contains(out, []byte("[build failed]")):
		return "", fmt.Errorf("run %s: %w: %s", test, err, firstLine(out, ""))
	}
	return firstLine(out, "failed after", "--- FAIL"), nil
}

// overlay writes the spoilt file and the list that puts it in the place of the
// good one.
func (m mutant) overlay(folder string) (path string, err error) {
	good, err := os.ReadFile(m.file)
	if err != nil {
		return "", err
	}
	if n := strings.Count(string(good), m.old); n != 1 {
		return "", fmt.Errorf("the text to spoil is %d times in %s, want once", n, m.file)
	}
	spoilt := filepath.Join(folder, "spoilt"+filepath.Ext(m.file))
	if err := os.WriteFile(spoilt, []byte(strings.Replace(string(good), m.old, m.new, 1)), 0o600); err != nil {
		return "", err
	}
	file, err := filepath.Abs(m.file)
	if err != nil {
		return "", err
	}
	list, err := json.Marshal(map[string]map[string]string{"Replace": {file: spoilt}})
	if err != nil {
		return "", err
	}
	path = filepath.Join(folder, "overlay.json")
	return path, os.WriteFile(path, list, 0o600)
}

// firstLine is the first line of the output that has one of the texts, or the
// first of all.
func firstLine(out []byte, texts ...string) string {
	for _, text := range texts {
		for line := range strings.Lines(string(out)) {
			if strings.Contains(line, text) {
				return strings.TrimSpace(line)
			}
		}
	}
	return ""
}
