package config

import (
	"cmp"
	"errors"
	"fmt"
	"io"
	"os"
	"reflect"
	"slices"
	"strings"

	"github.com/goccy/go-yaml"
	"github.com/goccy/go-yaml/ast"
	"github.com/goccy/go-yaml/parser"
)

// Problem is one thing wrong with the configuration.
type Problem struct {
	Field   string // such as constant_contact.connections[0].api_key; empty for the whole file
	Line    int    // of the field, or of what it is missing from; 0 for the whole file
	Message string // what is wrong and what to do; never what the file says
}

func (p Problem) String() string {
	where := p.Field
	if p.Line > 0 {
		where = strings.TrimSpace(fmt.Sprintf("%s (line %d)", where, p.Line))
	}
	if where == "" {
		return p.Message
	}
	return where + ": " + p.Message
}

// Error is every problem of a configuration. All errors of this package are of
// this type.
type Error struct {
	File     string // empty when the problem is not the file's
	Problems []Problem
}

// Error lists the problems, one a line.
func (e *Error) Error() string {
	var b strings.Builder
	b.WriteString("configuration")
	if e.File != "" {
		b.WriteString(" " + e.File)
	}
	if len(e.Problems) == 1 {
		return b.String() + ": " + e.Problems[0].String()
	}
	fmt.Fprintf(&b, " has %d problems:", len(e.Problems))
	for _, p := range e.Problems {
		b.WriteString("\n  " + p.String())
	}
	return b.String()
}

const maxFileBytes = 1 << 20

// Load reads the file, fills in the defaults and validates the result. Secrets
// are not read yet. The error is an *Error.
func Load(path string) (*Config, error) {
	text, err := readFile(path)
	if err != nil {
		return nil, &Error{File: path, Problems: []Problem{{Message: err.Error()}}}
	}
	c, problems := parse(text)
	if len(problems) > 0 {
		return nil, &Error{File: path, Problems: problems}
	}
	return c, nil
}

func readFile(path string) ([]byte, error) {
	f, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	text, err := io.ReadAll(io.LimitReader(f, maxFileBytes+1))
	if err == nil && len(text) > maxFileBytes {
		err = fmt.Errorf("file is larger than %d bytes", maxFileBytes)
	}
	return text, err
}

func parse(text []byte) (*Config, []Problem) {
	file, err := parser.ParseBytes(text, 0, parser.AllowDuplicateMapKey())
	if err != nil {
		return nil, []Problem{{Line: lineOf(err), Message: "this is not YAML: check indentation, colons and quotes here and on the line above"}}
	}
	var body ast.Node
	for _, doc := range file.Docs {
		if doc.Body == nil {
			continue
		}
		if body != nil {
			return nil, []Problem{{Line: line(doc.Body), Message: "this is a second document: put everything into one"}}
		}
		body = doc.Body
	}
	c := defaults()
	d := decoder{lines: map[string]int{}}
	if body != nil {
		d.decode("", body, reflect.ValueOf(c).Elem())
	}
	c.locate(d.lines)
	found := d.problems
	for _, p := range c.validate() {
		if !d.reported(p.Field) {
			p.Line = d.near(p.Field)
			found = append(found, p)
		}
	}
	slices.SortStableFunc(found, func(a, b Problem) int { return cmp.Compare(a.Line, b.Line) })
	c.inherit()
	return c, found
}

// lineOf returns the line that an error of the YAML package is about. Its text
// is not used because it may quote the file.
func lineOf(err error) int {
	var located yaml.Error
	if errors.As(err, &located) && located.GetToken() != nil {
		return located.GetToken().Position.Line
	}
	return 0
}
