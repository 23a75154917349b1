package sql_test

import (
	"io/fs"
	"strings"
	"testing"

	"rollcall/sql"
)

func TestQueryPanicsWithoutTheFile(t *testing.T) {
	defer func() {
		if recover() == nil {
			t.Error("want a panic")
		}
	}()
	sql.Query("no_such_query")
}

func TestFoldersComeInOrder(t *testing.T) {
	contract := sql.Contract()
	for i, mark := range []string{"create table if not exists rollcall.watches", "create or replace view rollcall.reps", "create or replace function rollcall.touch", "create publication rollcall", "create role rollcall"} {
		if i >= len(contract) || !strings.Contains(contract[i], mark) {
			t.Errorf("file %d of the contract has no %q", i+1, mark)
		}
	}
	if reference := sql.Reference(); len(reference) != 1 || !strings.Contains(reference[0], "create table chamber.rep ") {
		t.Error("the reference schema has no table chamber.rep")
	}
	if !strings.Contains(sql.Uninstall(), "drop publication") {
		t.Error("uninstall drops no publication")
	}
}

// A DBA reads these files before running them.
func TestFilesForTheDBASayHowToUndoThem(t *testing.T) {
	for _, text := range append(sql.Reference(), sql.Contract()...) {
		header, _, _ := strings.Cut(text, "\n\n")
		if !strings.HasPrefix(header, "-- ") || !strings.Contains(strings.ToLower(header), "to undo") {
			t.Errorf("header says no \"to undo\":\n%s", header)
		}
	}
}

// E'\v' is the letter v on servers before 16.
func TestNoStatementHasABackslashV(t *testing.T) {
	err := fs.WalkDir(sql.FS, ".", func(path string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return err
		}
		text, err := fs.ReadFile(sql.FS, path)
		for line := range strings.Lines(string(text)) {
			if statement, _, _ := strings.Cut(line, "--"); strings.Contains(statement, `\v`) {
				t.Errorf("%s: %s", path, strings.TrimSpace(line))
			}
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
}
