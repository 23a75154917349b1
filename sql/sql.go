// Package sql holds the project's SQL as files, embedded into the binary:
// reference (an example member schema), contract (what a member database must
// offer), uninstall (the way back), migrations (our own state) and queries (what
// the program runs).
package sql

import (
	"embed"
	"io/fs"
	"path"
	"slices"
	"strings"
)

// FS holds the folders reference, contract, uninstall, migrations and queries.
//
//go:embed reference/*.sql contract/*.sql contract/triggers/*.sql uninstall/*.sql migrations/*.sql queries/*.sql
var FS embed.FS

// Query returns the text of queries/<name>.sql. It panics when there is no
// such file: the name is a constant of the program, so that is a programming
// error.
func Query(name string) string {
	return read(path.Join("queries", name+".sql"))
}

// Reference returns the files of the example member schema in the order in
// which they are to be run.
func Reference() []string { return folder("reference") }

// Contract returns the files that give a member database with the reference
// schema the schema rollcall, in the order in which they are to be run. Each
// may be run by itself with the simple protocol: it holds several statements.
func Contract() []string { return folder("contract") }

// ContractFor returns the files of Contract for another member schema: with its
// views, and its rows of rollcall.watches, in place of those over the
// reference schema.
func ContractFor(views, watches string) []string {
	texts := Contract()
	texts[contractViews] = views + "\n" + watches
	return texts
}

// contractViews is the file of the folder contract that depends on the member
// schema.
const contractViews = 1

// ByTriggers returns the files of Contract or ContractFor for a server where
// changes are captured by triggers instead of a publication.
func ByTriggers(texts []string) []string {
	texts = slices.Clone(texts)
	texts[contractPublication] = read("contract/triggers/04_triggers.sql")
	return texts
}

// contractPublication is the file of the folder contract that says how changes
// are captured.
const contractPublication = 3

// Uninstall returns the statements that undo Contract.
func Uninstall() string { return strings.Join(folder("uninstall"), "\n") }

func folder(name string) []string {
	entries, err := fs.ReadDir(FS, name) // sorted by name
	if err != nil {
		panic("read embedded sql: " + err.Error())
	}
	texts := make([]string, 0, len(entries))
	for _, e := range entries {
		if e.IsDir() {
			continue
		}
		texts = append(texts, read(path.Join(name, e.Name())))
	}
	return texts
}

func read(name string) string {
	text, err := FS.ReadFile(name)
	if err != nil {
		panic("read embedded sql: " + err.Error())
	}
	return string(text)
}
