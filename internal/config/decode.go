package config

import (
	"fmt"
	"reflect"
	"regexp"
	"strings"
	"time"

	"github.com/goccy/go-yaml/ast"
)

var (
	secretType   = reflect.TypeFor[Secret]()
	durationType = reflect.TypeFor[time.Duration]()
)

// maxNumber is far above any number that is meant.
const maxNumber = 1 << 31

// decoder fills a Config from the parsed file and collects every unknown key
// and wrong type. The YAML package's own decoder stops at the first of them,
// drops the fields beside it, and quotes the file.
type decoder struct {
	lines    map[string]int // of the fields that the file has
	problems []Problem
}

func (d *decoder) report(path string, node ast.Node, text string) {
	d.problems = append(d.problems, Problem{Field: path, Line: line(node), Message: text})
}

// reported says that a problem with the field, or with what it is part of, is
// known already.
func (d *decoder) reported(path string) bool {
	for _, p := range d.problems {
		if p.Field == "" || p.Field == path || strings.HasPrefix(path, p.Field+".") || strings.HasPrefix(path, p.Field+"[") {
			return true
		}
	}
	return false
}

// near returns the line of a field, or of the closest thing around it that the
// file has; 0 when that is the whole file.
func (d *decoder) near(path string) int {
	for path != "" {
		if found := d.lines[path]; found > 0 {
			return found
		}
		path = path[:max(strings.LastIndex(path, "."), 0)]
	}
	return 0
}

func line(node ast.Node) int {
	if node == nil || node.GetToken() == nil {
		return 0
	}
	return node.GetToken().Position.Line
}

// decode sets v, which is the field at path, to what the file says.
func (d *decoder) decode(path string, node ast.Node, v reflect.Value) {
	switch node.Type() {
	case ast.NullType:
		d.report(path, node, "has no value: give it one or remove it")
		return
	case ast.AnchorType, ast.AliasType, ast.TagType:
		d.report(path, node, "must be written out: anchors, aliases and tags are not used here")
		return
	}
	switch {
	case v.Type() == durationType:
		text, _ := textOf(node)
		length, err := time.ParseDuration(text)
		if err != nil {
			d.report(path, node, "must be a duration with its unit, such as 2s or 5m")
		}
		v.SetInt(int64(length))
	case v.Kind() == reflect.String:
		text, ok := textOf(node)
		if !ok {
			d.report(path, node, "must be a text: put it in quotes")
		}
		v.SetString(text)
	case v.Kind() == reflect.Int:
		number, ok := node.(*ast.IntegerNode)
		if !ok {
			d.report(path, node, "must be a whole number")
			return
		}
		switch n := number.Value.(type) {
		case uint64:
			v.SetInt(int64(min(n, maxNumber)))
		case int64:
			v.SetInt(max(n, -maxNumber))
		}
	case v.Kind() == reflect.Bool:
		b, ok := node.(*ast.BoolNode)
		if !ok {
			d.report(path, node, "must be true or false")
			return
		}
		v.SetBool(b.Value)
	case v.Kind() == reflect.Slice:
		items, ok := node.(*ast.SequenceNode)
		if !ok {
			d.report(path, node, "must be a list")
			return
		}
		v.Set(reflect.MakeSlice(v.Type(), len(items.Values), len(items.Values)))
		for i, item := range items.Values {
			at := fmt.Sprintf("%s[%d]", path, i)
			d.lines[at] = line(item)
			d.decode(at, item, v.Index(i))
		}
	default:
		d.decodeFields(path, node, v)
	}
}

func textOf(node ast.Node) (string, bool) {
	switch n := node.(type) {
	case *ast.StringNode:
		return n.Value, true
	case *ast.LiteralNode:
		return n.Value.Value, true
	}
	return "", false
}

func (d *decoder) decodeFields(path string, node ast.Node, v reflect.Value) {
	var entries []*ast.MappingValueNode
	switch m := node.(type) {
	case *ast.MappingNode:
		entries = m.Values
	case *ast.MappingValueNode:
		entries = []*ast.MappingValueNode{m}
	default:
		text := "must have fields, one a line"
		if v.Type() == secretType {
			text = "a secret is never written here: " + secretForms
		}
		d.report(path, node, text)
		return
	}
	fields := fieldsOf(v.Type())
	seen := map[string]bool{}
	for _, entry := range entries {
		key := entry.Key.GetToken().Value
		at := strings.TrimPrefix(path+"."+key, ".")
		field, known := fields[key]
		switch {
		case !known:
			d.unknown(path, key, entry)
		case seen[key]:
			d.report(at, entry.Key, "is there twice: remove one")
		default:
			d.lines[at] = line(entry.Key)
			d.decode(at, entry.Value, v.FieldByIndex(field.Index))
		}
		seen[key] = true
	}
}

var plainKey = regexp.MustCompile(`^[a-z][a-z_]{0,39}$`)

// unknown names a key only if it looks like one.
func (d *decoder) unknown(path, key string, entry *ast.MappingValueNode) {
	if plainKey.MatchString(key) {
		d.report(strings.TrimPrefix(path+"."+key, "."), entry.Key, "is not a known field")
		return
	}
	d.report(path+"[?]", entry.Key, "there is a key here that is not a known field")
}

// fieldsOf returns a struct's fields by their names in the file.
func fieldsOf(t reflect.Type) map[string]reflect.StructField {
	fields := map[string]reflect.StructField{}
	for f := range t.Fields() {
		if name := f.Tag.Get("yaml"); name != "" {
			fields[name] = f
		}
	}
	return fields
}
