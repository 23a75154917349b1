package setup

import (
	"fmt"
	"strings"

	"github.com/jackc/pgx/v5/pgconn"
)

// RefusedError is a statement that the server refused, with what mends it.
type RefusedError struct {
	Part string // of the contract, with the line where the server named a place in a file of the operator's
	Code string // SQLSTATE
	Text string
	Hint string // may be empty
}

func (e *RefusedError) Error() string {
	text := fmt.Sprintf("apply %s: %s (SQLSTATE %s)", e.Part, e.Text, e.Code)
	if e.Hint != "" {
		text += "; " + e.Hint
	}
	return text
}

// watchRules say in words what the constraints of rollcall.watches want.
var watchRules = map[string]string{
	"watches_table_check":           "write the table as schema.table, without quotes",
	"watches_kind_check":            "the kind is rep, member, group, association, address or all",
	"watches_keys_check":            "keys are names of columns, none of them NULL",
	"watches_resolve_check":         "a resolve statement is one SELECT, or WITH … SELECT; where the key is the id itself, it is null",
	"watches_key_count":             "one key that is the id itself, or a resolve statement that leads from one or more keys to ids; the kind all takes no keys and no resolve",
	"watches_address_needs_resolve": "the kind address needs a resolve statement from the keys to association_id and e-mail",
	"watches_once":                  "the same row is there twice: leave one out",
}

// refusal is what the server said of a part. Of the row that it did not like,
// it is told only where that is a watch: those hold no data of people.
func refusal(p part, pgErr *pgconn.PgError) *RefusedError {
	e := &RefusedError{Part: p.name, Code: pgErr.Code, Text: pgErr.Message, Hint: pgErr.Hint}
	if file, line := p.place(int(pgErr.Position)); line > 0 {
		e.Part = fmt.Sprintf("line %d of %s", line, file)
	}
	if rule := watchRules[pgErr.ConstraintName]; rule != "" && pgErr.SchemaName == "rollcall" && pgErr.TableName == "watches" {
		e.Text, e.Hint = e.Text+": "+strings.TrimSuffix(pgErr.Detail, "."), rule
	}
	if pgErr.Code == "42601" && p.at(int(pgErr.Position)) == '\\' {
		e.Hint = `take out the commands of psql, which begin with \: this is not read by psql`
	}
	return e
}

// at is the character at a position of the text, or 0.
func (p part) at(position int) rune {
	if runes := []rune(p.text); 1 <= position && position <= len(runes) {
		return runes[position-1]
	}
	return 0
}

// place says which file of the operator's a position of the text is in, and in
// which line. The server counts characters from 1; 0 is no position.
func (p part) place(position int) (file string, line int) {
	runes := []rune(p.text)
	if p.views == 0 || position < 1 || position > len(runes) {
		return "", 0
	}
	line = strings.Count(string(runes[:position-1]), "\n") + 1 - p.before
	switch {
	case line < 1:
		return "", 0
	case line <= p.views:
		return "the views", line
	default:
		return "the watches", line - p.views
	}
}
