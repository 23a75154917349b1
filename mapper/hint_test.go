package mapper

import (
	"strings"
	"testing"

	"pgregory.net/rapid"
)

func TestHint(t *testing.T) {
	long := strings.Repeat("a", 70) + "@example.org"
	for raw, want := range map[string]string{
		"":                                   "is empty",
		"  \t":                               "is empty",
		long:                                 "longer than 80 characters",
		"a@example.org, b@example.org":       "more than one address",
		"a@example.org;b@example.org":        "more than one address",
		"a@example.org b@example.org":        "more than one address",
		"a@example.org / b@":                 "more than one address",
		"Ann Lee <ann@example.org>":          "a name or brackets",
		"ann@example.org <ann@example.org>":  "a name or brackets",
		"<ann@example.org>":                  "a name or brackets",
		"mailto:ann@example.org":             "a link",
		"ann@example.org (home)":             "a remark",
		"ann.example.org":                    "no @",
		"none":                               "no @",
		"ann @example.org":                   "a space",
		"Ann ann@example.org":                "a space",
		"ann@@example.org":                   "more than one @",
		"@example.org":                       "nothing before the @",
		"ann@":                               "no domain after the @",
		"jos\u00e9@example.org":              "not a plain one",
		"ann@localhost":                      "no ending",
		"ann@example.":                       "a dot too many after",
		"ann@.example.org":                   "a dot too many after",
		"ann@example..org":                   "a dot too many after",
		".ann@example.org":                   "at the beginning or end",
		"ann.@example.org":                   "at the beginning or end",
		"an..n@example.org":                  "at the beginning or end",
		"\"ann\"@example.org":                "quotation mark",
		"ann,@example.org":                   "quotation mark",
		"ann@exa_mple.org":                   "no domain name",
		"ann@-example.org":                   "no domain name",
		"a\u200bnn@example.org":              "cannot be seen",
		"ann\x00@example.org":                "cannot be seen",
		"ann\xff@example.org":                "cannot be seen",
		"ann@example.org":                    "",
		" Ann@Example.ORG ":                  "",
		"ann@b\u00fccher.example":            "",
		"ann+tag.o'neill@mail.example.co.uk": "",
	} {
		got := Hint(raw)
		if (want == "") != (got == "") || !strings.Contains(got, want) {
			t.Errorf("Hint(%q) = %q, want it to say %q", raw, got, want)
		}
	}
}

// There is a hint exactly where there is no address, it is one sentence, and it
// repeats nothing of the field.
func TestHintKeepsMemberData(t *testing.T) {
	piece := rapid.OneOf(
		rapid.SampledFrom([]string{"zz", "@", ".", " ", ",", "<", ">", "(", "zz@zz.zz", "\u00fc", "\xff", "mailto:", "\"", "\u200b", "\n"}),
		rapid.String(),
	)
	rapid.Check(t, func(t *rapid.T) {
		raw := strings.Join(rapid.SliceOf(piece).Draw(t, "pieces"), "")
		_, problem := Normalize(raw)
		hint := Hint(raw)
		switch {
		case (problem == "") != (hint == ""):
			t.Fatalf("problem %q, hint %q", problem, hint)
		case hint != "" && (!strings.HasSuffix(hint, ".") || strings.Contains(hint, "zz")):
			t.Fatalf("hint %q", hint)
		}
	})
}
