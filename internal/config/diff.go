package config

import (
	"fmt"
	"reflect"
)

// Changed names the fields in which two configurations differ, such as
// pace.linger, in the order of the file. Values are not part of the answer. A list
// of another length is named itself.
func Changed(a, b *Config) []string {
	return changed("", reflect.ValueOf(*a), reflect.ValueOf(*b))
}

func changed(path string, a, b reflect.Value) (fields []string) {
	switch {
	case a.Type() == secretType || a.Kind() != reflect.Struct && a.Kind() != reflect.Slice:
		if !reflect.DeepEqual(a.Interface(), b.Interface()) {
			return []string{path}
		}
	case a.Kind() == reflect.Slice:
		if a.Len() != b.Len() {
			return []string{path}
		}
		for i := range a.Len() {
			fields = append(fields, changed(fmt.Sprintf("%s[%d]", path, i), a.Index(i), b.Index(i))...)
		}
	default:
		for field := range a.Type().Fields() {
			name := field.Tag.Get("yaml")
			if name == "" {
				continue
			}
			if path != "" {
				name = path + "." + name
			}
			fields = append(fields, changed(name, a.FieldByIndex(field.Index), b.FieldByIndex(field.Index))...)
		}
	}
	return fields
}
