package constantcontact

import (
	"go/ast"
	"go/parser"
	"go/token"
	"os"
	"regexp"
	"strings"
	"testing"
)

var docsLine = regexp.MustCompile(`(?m)^API docs: /v3(/\S+) (GET|POST|PUT)$`)

// TestEveryMethodNamesItsPage: the vendor's page in the comment is one of the
// endpoints, and every endpoint has a method.
func TestEveryMethodNamesItsPage(t *testing.T) {
	named := map[string]bool{}
	id := regexp.MustCompile(`\{\w+\}`)
	entries, err := os.ReadDir(".")
	if err != nil {
		t.Fatal(err)
	}
	for _, entry := range entries {
		if name := entry.Name(); !strings.HasSuffix(name, ".go") || strings.HasSuffix(name, "_test.go") {
			continue
		}
		file, err := parser.ParseFile(token.NewFileSet(), entry.Name(), nil, parser.ParseComments)
		if err != nil {
			t.Fatal(err)
		}
		for _, decl := range file.Decls {
			f, ok := decl.(*ast.FuncDecl)
			if !ok || f.Recv == nil || !f.Name.IsExported() || f.Name.Name == "Close" {
				continue
			}
			star, ok := f.Recv.List[0].Type.(*ast.StarExpr)
			if !ok {
				continue
			}
			if of, plain := star.X.(*ast.Ident); !plain || of.Name != "Client" {
				continue
			}
			line := docsLine.FindStringSubmatch(f.Doc.Text())
			if line == nil {
				t.Errorf("%s does not name the vendor's page", f.Name.Name)
				continue
			}
			named[line[2]+" "+id.ReplaceAllString(line[1], "{id}")] = true
		}
	}
	for _, e := range []Endpoint{
		opAccount, opLists, opList, opCreateList, opRenameList, opContacts, opContactByEmail, opContactByID, opCounts,
		opImport, opAddMemberships, opRemoveMemberships, opActivities, opActivity, opFullContact, opFullByEmail, opPutContact,
		opReviveContact, opCreateContact, opCustomFields, opCreateField, opStartExport, opExport, opPrivileges,
	} {
		if !named[e.Method+" "+e.Path] {
			t.Errorf("no method names the page of %s %s", e.Method, e.Path)
		}
		if e.Method == "DELETE" || strings.Contains(e.Path, "sign_up_form") || strings.Contains(e.Path, "resubscribe") {
			t.Errorf("%s is what this package must not have", e.Operation)
		}
	}
}
