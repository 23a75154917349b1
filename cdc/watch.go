package cdc

import (
	"crypto/sha256"
	"fmt"
	"strings"
)

// WatchesTable is the table whose changes change the watches themselves.
const WatchesTable = "rollcall.watches"

// Via names the watch whose statement resolves its keys: table, columns and
// kind, and a digest of the statement, because two watches may differ in that
// alone. It is empty where the key is the id itself.
func (w Watch) Via() string {
	if w.Resolve == "" {
		return ""
	}
	digest := sha256.Sum256([]byte(w.Resolve))
	return fmt.Sprintf("%s(%s)%s:%x", w.Table, strings.Join(w.Keys, ","), w.Kind, digest[:4])
}

// Validate says what is wrong with a watch.
func (w Watch) Validate() error {
	schema, table, qualified := strings.Cut(w.Table, ".")
	switch {
	case !qualified || schema == "" || table == "":
		return fmt.Errorf("watch of %q: the table must be named as schema.table", w.Table)
	case w.Kind == KindAll && (len(w.Keys) > 0 || w.Resolve != ""):
		return fmt.Errorf("watch of %s: kind all takes neither keys nor resolve", w.Table)
	case w.Kind != KindAll && len(w.Keys) == 0:
		return fmt.Errorf("watch of %s: kind %s needs a key column", w.Table, w.Kind)
	case w.Kind != KindAll && w.Resolve == "" && len(w.Keys) != 1:
		return fmt.Errorf("watch of %s: %d key columns need a resolve statement", w.Table, len(w.Keys))
	case w.Kind == KindAddress && w.Resolve == "":
		return fmt.Errorf("watch of %s: kind address needs a resolve statement", w.Table)
	}
	switch w.Kind {
	case KindRep, KindMember, KindGroup, KindAssociation, KindAddress, KindAll:
		return nil
	}
	return fmt.Errorf("watch of %s: unknown kind %q", w.Table, w.Kind)
}
