package archtest

import (
	"bytes"
	"go/ast"
	"go/parser"
	"go/token"
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"
	"unicode/utf8"
)

// file is one text file of the tree; syntax is nil unless it is Go.
type file struct {
	path   string // from the root, with slashes
	text   []byte
	syntax *ast.File
}

func (f file) dir() string { return path.Dir(f.path) }

func (f file) isTest() bool { return strings.HasSuffix(f.path, "_test.go") }

// imports are the import paths of a Go file.
func (f file) imports() []string {
	var paths []string
	for _, spec := range f.syntax.Imports {
		p, _ := strconv.Unquote(spec.Path.Value) // the parser has checked it
		paths = append(paths, p)
	}
	return paths
}

// mentions are the names that a Go file uses of an imported package, such as Now
// of "time", whatever name the import has there. A value counts as much as a call.
// An import without a name is mentioned as ".", as it hides what is used.
func (f file) mentions(pkg string) []string {
	local := map[string]bool{}
	var found []string
	for i, p := range f.imports() {
		if p != pkg {
			continue
		}
		name := path.Base(majorVersion.ReplaceAllString(pkg, ""))
		if alias := f.syntax.Imports[i].Name; alias != nil {
			name = alias.Name
		}
		if name == "." {
			found = append(found, name)
		}
		local[name] = true
	}
	ast.Inspect(f.syntax, func(n ast.Node) bool {
		if selector, ok := n.(*ast.SelectorExpr); ok {
			if x, ok := selector.X.(*ast.Ident); ok && local[x.Name] {
				found = append(found, selector.Sel.Name)
			}
		}
		return true
	})
	slices.Sort(found)
	return slices.Compact(found)
}

// majorVersion is the end of an import path that is not part of the package's name.
var majorVersion = regexp.MustCompile(`/v[0-9]+$`)

// root is the folder of go.mod, at or above the one the test runs in.
func root(t *testing.T) string {
	t.Helper()
	dir, err := os.Getwd()
	if err != nil {
		t.Fatal(err)
	}
	for {
		if _, err := os.Stat(filepath.Join(dir, "go.mod")); err == nil {
			return dir
		}
		if dir == filepath.Dir(dir) {
			t.Fatal("there is no go.mod here or above")
		}
		dir = filepath.Dir(dir)
	}
}

// read returns the text files of a tree, without what git and the build put there.
func read(t *testing.T, tree fs.FS) []file {
	t.Helper()
	var files []file
	err := fs.WalkDir(tree, ".", func(p string, d fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		if d.IsDir() {
			if p == ".git" || p == "dist" {
				return fs.SkipDir
			}
			return nil
		}
		if !d.Type().IsRegular() || p == ".git" { // a file in a linked work tree
			return nil
		}
		text, err := fs.ReadFile(tree, p)
		if err != nil {
			return err
		}
		if bytes.IndexByte(text, 0) >= 0 || !utf8.Valid(text) {
			return nil
		}
		f := file{path: p, text: text}
		if path.Ext(p) == ".go" && !strings.Contains("/"+p, "/testdata/") {
			f.syntax, err = parser.ParseFile(token.NewFileSet(), p, text, parser.ParseComments)
		}
		files = append(files, f)
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return files
}

// goFiles are those of files that hold Go.
func goFiles(files []file) []file {
	var found []file
	for _, f := range files {
		if f.syntax != nil {
			found = append(found, f)
		}
	}
	return found
}
