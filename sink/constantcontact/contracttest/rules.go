package contracttest

import (
	"fmt"
	"math"
	"regexp"
	"slices"
	"strings"
	"time"
	"unicode/utf8"
)

// rule looks at a JSON value, found at a place, and returns what is wrong.
type rule func(at string, v any) []string

func wrong(at, format string, args ...any) []string {
	return []string{at + ": " + fmt.Sprintf(format, args...)}
}

// text is a text of so many characters.
func text(least, most int) rule {
	return func(at string, v any) []string {
		s, is := v.(string)
		if !is {
			return wrong(at, "is no text")
		}
		if n := utf8.RuneCountInString(s); n < least || n > most {
			return wrong(at, "has %d characters, not %d to %d", n, least, most)
		}
		return nil
	}
}

// form is a text of a form.
func form(name string, fits func(string) bool) rule {
	return func(at string, v any) []string {
		if s, is := v.(string); !is || !fits(s) {
			return wrong(at, "is no %s", name)
		}
		return nil
	}
}

var uuidForm = regexp.MustCompile(`^[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}$`)

var (
	uuid   = form("UUID", uuidForm.MatchString)
	moment = form("time of RFC 3339", func(s string) bool { _, err := time.Parse(time.RFC3339Nano, s); return err == nil })
	day    = form("date", func(s string) bool { _, err := time.Parse(time.DateOnly, s); return err == nil })
	// address is as the vendor checks it: no spaces, commas or brackets, one at
	// sign, a whole domain, and lower case, which the vendor stores.
	address = form("address", func(s string) bool {
		local, domain, found := strings.Cut(s, "@")
		return found && local != "" && strings.Contains(strings.Trim(domain, "."), ".") && !strings.ContainsAny(s, " ,;<>()[]") &&
			!strings.Contains(domain, "@") && s == strings.ToLower(s)
	})
	anything rule = func(string, any) []string { return nil }
)

// both is what two rules say.
func both(a, b rule) rule {
	return func(at string, v any) []string { return append(a(at, v), b(at, v)...) }
}

func oneOf(words ...string) rule {
	return form("of "+strings.Join(words, ", "), func(s string) bool { return slices.Contains(words, s) })
}

func whole(least, most int) rule {
	return func(at string, v any) []string {
		n, is := v.(float64)
		if !is || n != math.Trunc(n) || n < float64(least) || n > float64(most) {
			return wrong(at, "is no whole number from %d to %d", least, most)
		}
		return nil
	}
}

func flag(at string, v any) []string {
	if _, is := v.(bool); !is {
		return wrong(at, "is neither true nor false")
	}
	return nil
}

// orNull lets a value be null.
func orNull(r rule) rule {
	return func(at string, v any) []string {
		if v == nil {
			return nil
		}
		return r(at, v)
	}
}

func list(of rule, least, most int) rule {
	return func(at string, v any) []string {
		all, is := v.([]any)
		if !is {
			return wrong(at, "is no array")
		}
		if len(all) < least || len(all) > most {
			return wrong(at, "has %d members, not %d to %d", len(all), least, most)
		}
		var problems []string
		for i, one := range all {
			problems = append(problems, of(fmt.Sprintf("%s[%d]", at, i), one)...)
		}
		return problems
	}
}

// distinct is a list without a member twice.
func distinct(of rule, least, most int) rule {
	plain := list(of, least, most)
	return func(at string, v any) []string {
		seen := map[any]bool{}
		all, _ := v.([]any)
		for _, one := range all {
			if s, is := one.(string); is && seen[s] {
				return wrong(at, "has a member twice")
			}
			seen[fmt.Sprint(one)] = true
		}
		return plain(at, v)
	}
}

// member is a member of an object.
type member struct {
	name   string
	rule   rule
	needed bool
}

func need(name string, r rule) member { return member{name, r, true} }
func may(name string, r rule) member  { return member{name, r, false} }

// object is an object with these members and no others.
func object(members ...member) rule {
	return func(at string, v any) []string {
		content, is := v.(map[string]any)
		if !is {
			return wrong(at, "is no object")
		}
		var problems []string
		known := map[string]bool{}
		for _, m := range members {
			known[m.name] = true
			value, given := content[m.name]
			switch {
			case given:
				problems = append(problems, m.rule(at+"."+m.name, value)...)
			case m.needed:
				problems = append(problems, wrong(at, "has no %s", m.name)...)
			}
		}
		for name := range content {
			if !known[name] {
				problems = append(problems, wrong(at, "has the unknown member %q", name)...)
			}
		}
		return problems
	}
}
