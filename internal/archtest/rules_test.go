package archtest

import (
	"bytes"
	"fmt"
	"go/ast"
	"maps"
	"path"
	"regexp"
	"slices"
	"strings"
)

const maxLines = 600 // of a Go file

func filesAreShort(files []file) (problems []string) {
	for _, f := range goFiles(files) {
		if n := bytes.Count(f.text, []byte("\n")); n > maxLines {
			problems = append(problems, fmt.Sprintf("%s has %d lines, more than %d", f.path, n, maxLines))
		}
	}
	return problems
}

// packagesHaveOneComment wants one package comment in each package with code.
func packagesHaveOneComment(files []file) (problems []string) {
	comments := map[string]int{}
	for _, f := range goFiles(files) {
		if f.isTest() {
			continue
		}
		comments[f.dir()] += 0
		if f.syntax.Doc != nil {
			comments[f.dir()]++
		}
	}
	for _, dir := range slices.Sorted(maps.Keys(comments)) {
		if n := comments[dir]; n != 1 {
			problems = append(problems, fmt.Sprintf("package %s has %d package comments, not one", dir, n))
		}
	}
	return problems
}

// packagesHaveAPurpose refuses names that promise nothing.
func packagesHaveAPurpose(files []file) (problems []string) {
	for _, f := range goFiles(files) {
		if strings.Contains(f.syntax.Name.Name, "util") || strings.Contains(path.Base(f.dir()), "util") {
			problems = append(problems, fmt.Sprintf("%s: package %s is named for nothing", f.path, f.syntax.Name.Name))
		}
	}
	return problems
}

// nothingRunsByItself refuses init functions: what a program does starts in main.
func nothingRunsByItself(files []file) (problems []string) {
	for _, f := range goFiles(files) {
		for _, d := range f.syntax.Decls {
			if fn, ok := d.(*ast.FuncDecl); ok && fn.Recv == nil && fn.Name.Name == "init" {
				problems = append(problems, f.path+" has an init function")
			}
		}
	}
	return problems
}

func testsDoNotSleep(files []file) (problems []string) {
	for _, f := range goFiles(files) {
		if f.isTest() && slices.Contains(f.mentions("time"), "Sleep") {
			problems = append(problems, f.path+" sleeps")
		}
	}
	return problems
}

// ownRandom is what math/rand has for a source of one's own. Everything else in
// it draws from the global one, whose run nobody can repeat.
var ownRandom = []string{"ChaCha8", "New", "NewChaCha8", "NewPCG", "NewSource", "NewZipf", "PCG", "Rand", "Source", "Source64", "Zipf"}

func randomCanBeRepeated(files []file) (problems []string) {
	for _, f := range goFiles(files) {
		for _, pkg := range []string{"math/rand", "math/rand/v2"} {
			for _, name := range f.mentions(pkg) {
				if !slices.Contains(ownRandom, name) {
					problems = append(problems, fmt.Sprintf("%s uses the global source with rand.%s", f.path, name))
				}
			}
		}
	}
	return problems
}

func modulesReplaceNothing(files []file) (problems []string) {
	for _, f := range files {
		if path.Ext(f.path) != ".mod" {
			continue
		}
		for line := range strings.Lines(string(f.text)) {
			if strings.HasPrefix(strings.TrimSpace(line), "replace") {
				problems = append(problems, f.path+" replaces a module")
			}
		}
	}
	return problems
}

// forbidden are registries, which the user's own configuration names, and
// folders of one machine. They are put together here, so that this file is free of them.
var forbidden = []string{
	"registry." + "npmjs.org", "registry." + "yarnpkg.com", "proxy." + "golang.org", "sum." + "golang.org",
	"pypi." + "org", "docker." + "io", "deb." + "debian.org",
	"/work" + "/", "/root" + "/", "/home" + "/", "/Users" + "/",
}

func filesFitEveryMachine(files []file) (problems []string) {
	for _, f := range files {
		for _, s := range forbidden {
			if bytes.Contains(f.text, []byte(s)) {
				problems = append(problems, fmt.Sprintf("%s holds %s", f.path, s))
			}
		}
	}
	return problems
}

// mergeMark is a line that git leaves where two sides changed the same.
var mergeMark = regexp.MustCompile(`(?m)^(<{7}|>{7}) `)

func noMergeIsLeftHalfDone(files []file) (problems []string) {
	for _, f := range files {
		if mergeMark.Match(f.text) {
			problems = append(problems, f.path+" holds the marks of a merge")
		}
	}
	return problems
}
