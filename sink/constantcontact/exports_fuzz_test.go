package constantcontact

import (
	"errors"
	"strings"
	"testing"
)

// Whatever a file holds: no panic, no row without the needed columns, no content
// in the error, and lists only when they are known.
func FuzzExportFile(f *testing.F) {
	for _, file := range []string{
		"", "\n", "\"", "Email address\n", "Email address,Email status\nann@example.org,Explicit\n",
		"\ufeffEmail address,Email status\r\nann@example.org,Explicit\r\n", "Email address,Email status\nann@example.org\n",
		"Email address,Email status\n\"ann@example.org\",\"Explicit", "Email address,Email status,Email Lists\nann@example.org,Unsubscribed,\"Board, North,Board\"\n",
		"email_address,email_address,Email status\na,b,c\n",
	} {
		f.Add(file + "zz-canary")
		f.Add(file)
	}
	need := []Column{ColumnAddress, ColumnPermission}
	known := map[string]bool{"Board": true, "Board, North": true, "North": true}
	f.Fuzz(func(t *testing.T, file string) {
		rows := 0
		e := &exportFile{need: need, take: func(batch []ExportRow) error {
			for _, row := range batch {
				rows++
				for _, column := range need {
					if _, has := row.columns[column]; !has {
						t.Fatalf("a row without column %v", column)
					}
				}
				_, _, _ = row.Address(), row.State(), row.Time(ColumnOptOutAt)
				names, sure := row.Lists(known)
				for _, name := range names {
					if !sure || !known[name] {
						t.Fatalf("list %q, sure %t", name, sure)
					}
				}
			}
			return nil
		}}
		err := e.read(strings.NewReader(file))
		if err != nil && strings.Contains(err.Error(), "canary") {
			t.Errorf("the error has the file's content: %v", err)
		}
		if e.rows != rows {
			t.Errorf("%d rows counted, %d handed on", e.rows, rows)
		}
		if cut := len(file) > 0 && file[len(file)-1] != '\n'; cut && err == nil {
			t.Error("a file whose last line has no end is taken for whole")
		}
		if column, lacks := errors.AsType[*ColumnError](err); lacks && (rows > 0 || column == nil) {
			t.Errorf("%d rows were handed on although %v", rows, err)
		}
	})
}
