package config

import (
	"fmt"
	"os"
	"path/filepath"
	"reflect"
	"regexp"
	"strings"
	"testing"
	"time"
)

// setting is a field of the configuration as people write it: lists have [].
type setting struct{ path, fallback string }

// settings are all fields below v, which is the field at path, with the defaults
// that v has.
func settings(path string, v reflect.Value) (all []setting) {
	switch {
	case v.Type() == secretType:
		return []setting{{path, "none"}}
	case v.Kind() == reflect.Slice:
		return settings(path+"[]", reflect.New(v.Type().Elem()).Elem())
	case v.Kind() != reflect.Struct:
		return []setting{{path, fallback(v)}}
	}
	for field := range v.Type().Fields() {
		if name := field.Tag.Get("yaml"); name != "" {
			all = append(all, settings(strings.TrimPrefix(path+"."+name, "."), v.FieldByIndex(field.Index))...)
		}
	}
	return all
}

// fallback is a default as it would be written.
func fallback(v reflect.Value) string {
	if d, ok := v.Interface().(time.Duration); ok {
		text := d.String()
		for _, zero := range []string{"m0s", "h0m"} {
			text = strings.TrimSuffix(strings.Replace(text+"!", zero+"!", zero[:1]+"!", 1), "!")
		}
		return text
	}
	if text := fmt.Sprint(v.Interface()); text != "" {
		return text
	}
	return "none"
}

// inherited are defaults that another setting gives, or that lists' entries have.
var inherited = map[string]string{
	"state.url":                              "source.url",
	"state.password":                         "source.password",
	"constant_contact.keys[].auth_url":       DefaultAuthURL,
	"constant_contact.keys[].redirect_url":   DefaultRedirectURL,
	"constant_contact.connections[].api_key": mainKey,
}

var settingRow = regexp.MustCompile("(?m)^\\| `([a-z_.\\[\\]]+)` \\| ([^|]+) \\| ([^|]+) \\|$")

// The page has every setting with its default, and no other.
func TestDocsDescribeEverySetting(t *testing.T) {
	text, err := os.ReadFile("../../docs/configuration.md")
	if err != nil {
		t.Fatal(err)
	}
	described := map[string]string{}
	for _, m := range settingRow.FindAllStringSubmatch(string(text), -1) {
		if _, twice := described[m[1]]; twice {
			t.Errorf("configuration.md has %s twice", m[1])
		}
		described[m[1]] = strings.Trim(m[2], "`")
	}
	all := settings("", reflect.ValueOf(*defaults()))
	for _, s := range all {
		if other, ok := inherited[s.path]; ok {
			s.fallback = other
		}
		if have, ok := described[s.path]; !ok {
			t.Errorf("configuration.md does not describe %s (default %s)", s.path, s.fallback)
		} else if have != s.fallback {
			t.Errorf("configuration.md says that the default of %s is %s; it is %s", s.path, have, s.fallback)
		}
		delete(described, s.path)
	}
	for path := range described {
		t.Errorf("configuration.md describes %s, which there is not", path)
	}
}

// What other pages say of settings is true.
func TestPagesNameSettingsThatThereAre(t *testing.T) {
	all, sections := map[string]bool{}, map[string]bool{}
	for _, s := range settings("", reflect.ValueOf(*defaults())) {
		section, _, _ := strings.Cut(s.path, ".")
		sections[section] = true
		for path := strings.ReplaceAll(s.path, "[]", ""); path != ""; path = path[:max(0, strings.LastIndex(path, "."))] {
			all[path] = true // with the sections that it is in
		}
	}
	files, err := filepath.Glob("../../docs/*.md")
	if err != nil {
		t.Fatal(err)
	}
	n := 0
	for _, file := range append(files, "../../README.md") {
		text, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		for _, m := range regexp.MustCompile("`([a-z_]+)(\\.[a-z_.\\[\\]]+)(?::[^`]*)?`").FindAllStringSubmatch(string(text), -1) {
			if !sections[m[1]] {
				continue
			}
			n++
			if path := strings.ReplaceAll(m[1]+m[2], "[]", ""); !all[path] {
				t.Errorf("%s names the setting %s, which there is not", filepath.Base(file), path)
			}
		}
	}
	if n < 50 {
		t.Errorf("%d settings are too few to be all that pages name", n)
	}
}

// Each setting is in the example too.
func TestExampleHasEverySetting(t *testing.T) {
	text, err := os.ReadFile("../../docs/rollcall.example.yaml")
	if err != nil {
		t.Fatal(err)
	}
	for _, s := range settings("", reflect.ValueOf(*defaults())) {
		name := s.path[strings.LastIndex(s.path, ".")+1:]
		if !strings.Contains(string(text), strings.TrimSuffix(name, "[]")+":") {
			t.Errorf("the example has no %s", s.path)
		}
	}
}
