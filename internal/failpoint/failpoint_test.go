package failpoint

import (
	"go/ast"
	"go/parser"
	"go/token"
	"io/fs"
	"os"
	"slices"
	"strings"
	"testing"
)

// Every point is hit somewhere, by its constant: a name that nobody comes to would
// be a test of nothing.
func TestEveryPointIsHit(t *testing.T) {
	t.Parallel()
	named := names(t)
	if len(named) < 30 {
		t.Fatalf("%d points were found, want them all", len(named))
	}
	hit := map[string]bool{}
	tree := os.DirFS("../..")
	err := fs.WalkDir(tree, ".", func(path string, d fs.DirEntry, err error) error {
		switch {
		case err != nil:
			return err
		case d.IsDir() && (path == ".git" || path == "dist" || path == "internal/failpoint"):
			return fs.SkipDir
		case !strings.HasSuffix(path, ".go") || strings.HasSuffix(path, "_test.go"):
			return nil
		}
		text, err := fs.ReadFile(tree, path)
		if err != nil || !strings.Contains(string(text), "failpoint.Hit(") {
			return err
		}
		syntax, err := parser.ParseFile(token.NewFileSet(), path, text, 0)
		if err != nil {
			return err
		}
		ast.Inspect(syntax, func(n ast.Node) bool {
			call, ok := n.(*ast.CallExpr)
			if !ok || !isSelector(call.Fun, "Hit") {
				return true
			}
			point, ok := call.Args[0].(*ast.SelectorExpr)
			if !ok || !isSelector(point, point.Sel.Name) || !slices.Contains(named, point.Sel.Name) {
				t.Errorf("%s hits a point that is no constant of this package", path)
				return true
			}
			hit[point.Sel.Name] = true
			return true
		})
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	for _, name := range named {
		if !hit[name] {
			t.Errorf("nothing hits %s", name)
		}
	}
}

func isSelector(x ast.Expr, name string) bool {
	s, ok := x.(*ast.SelectorExpr)
	if !ok || s.Sel.Name != name {
		return false
	}
	pkg, ok := s.X.(*ast.Ident)
	return ok && pkg.Name == "failpoint"
}

// names are the constants of this package.
func names(t *testing.T) (all []string) {
	t.Helper()
	syntax, err := parser.ParseFile(token.NewFileSet(), "failpoint.go", nil, 0)
	if err != nil {
		t.Fatal(err)
	}
	for _, decl := range syntax.Decls {
		if consts, ok := decl.(*ast.GenDecl); ok && consts.Tok == token.CONST {
			for _, spec := range consts.Specs {
				for _, name := range spec.(*ast.ValueSpec).Names {
					all = append(all, name.Name)
				}
			}
		}
	}
	return all
}
