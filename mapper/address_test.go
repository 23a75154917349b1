package mapper

import (
	"strings"
	"testing"

	"pgregory.net/rapid"
)

func TestNormalize(t *testing.T) {
	long := strings.Repeat("a", 68)
	for _, test := range []struct {
		raw    string
		want   Address
		reason Reason
	}{
		{"Ann.Lee+news@Example.ORG", "ann.lee+news@example.org", ""},
		{"\u00a0\u2003 ann@example.org\r\n\t\u3000", "ann@example.org", ""},
		{"o'neil@example.org", "o'neil@example.org", ""},
		{"ann@BÜCHER.example", "ann@xn--bcher-kva.example", ""},
		{"ann@xn--bcher-kva.example", "ann@xn--bcher-kva.example", ""},
		{"ann@straße.example", "ann@xn--strae-oqa.example", ""},
		{long + "@example.org", Address(long + "@example.org"), ""}, // 80 characters
		{long + "a@example.org", "", ReasonEmailTooLong},
		{"a@" + strings.Repeat("bücher.", 8) + "example.org", "", ReasonEmailTooLong}, // only as punycode

		{"", "", ReasonNoEmail},
		{" \u00a0\u3000", "", ReasonNoEmail},

		{"ann", "", ReasonInvalidEmail},
		{"ann@", "", ReasonInvalidEmail},
		{"@example.org", "", ReasonInvalidEmail},
		{"ann@localhost", "", ReasonInvalidEmail},
		{"ann@example.org.", "", ReasonInvalidEmail},
		{"ann@.example.org", "", ReasonInvalidEmail},
		{"ann@example..org", "", ReasonInvalidEmail},
		{"ann@exa_mple.org", "", ReasonInvalidEmail},
		{"ann@[192.0.2.1]", "", ReasonInvalidEmail},
		{"ann@" + strings.Repeat("a", 64) + ".org", "", ReasonInvalidEmail},
		{"ann..lee@example.org", "", ReasonInvalidEmail},
		{".ann@example.org", "", ReasonInvalidEmail},
		{"ann lee@example.org", "", ReasonInvalidEmail},
		{"ann@example.org, bob@example.org", "", ReasonInvalidEmail},
		{"ann@example.org;bob@example.org", "", ReasonInvalidEmail},
		{"ann@example.org bob@example.org", "", ReasonInvalidEmail},
		{"Ann <ann@example.org>", "", ReasonInvalidEmail},
		{"<ann@example.org>", "", ReasonInvalidEmail},
		{"ann@example.org (Ann)", "", ReasonInvalidEmail},
		{`"ann lee"@example.org`, "", ReasonInvalidEmail},
		{"mailto:ann@example.org", "", ReasonInvalidEmail},
		{"josé@example.org", "", ReasonInvalidEmail},
		{"\u212aim@example.org", "", ReasonInvalidEmail}, // the Kelvin sign is no k
		{"ann\xff@example.org", "", ReasonInvalidEmail},
		{"ann@exam\xffple.org", "", ReasonInvalidEmail},
		{"ann@exam\ufffdple.org", "", ReasonInvalidEmail},
	} {
		if got, reason := Normalize(test.raw); got != test.want || reason != test.reason {
			t.Errorf("Normalize(%q) = %q, %q; want %q, %q", test.raw, got, reason, test.want, test.reason)
		}
	}
}

func TestNormalizeIsStable(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		raw := rapid.OneOf(
			rapid.String(),
			rapid.StringMatching(`[ A-Za-z0-9.+'"_-]{1,12}@[A-Za-zäßé0-9.-]{1,12}\.[a-z]{2,5} ?`),
		).Draw(t, "raw")
		address, reason := Normalize(raw)
		if (address == "") != (reason != "") {
			t.Fatalf("Normalize(%q) = %q with reason %q", raw, address, reason)
		}
		if again, reason := Normalize(string(address)); address != "" && (again != address || reason != "") {
			t.Fatalf("Normalize(%q) = %q, and of that %q, %q", raw, address, again, reason)
		}
	})
}

func TestUnicode(t *testing.T) {
	for address, want := range map[Address]string{
		"info@xn--bcher-kva.example": "info@bücher.example",
		"ann@example.org":            "ann@example.org",
		"ann@xn--0.example":          "ann@xn--0.example",
	} {
		if got := address.Unicode(); got != want {
			t.Errorf("%s is written %s, want %s", string(address), got, want)
		}
	}
}

// What passes for plain is what the long way leaves as it is.
func TestPlainAddresses(t *testing.T) {
	part := rapid.StringMatching(`[a-z0-9._-]{0,8}|xn--[a-z0-9]{1,5}|[a-zA-Z0-9+]{1,4}|[a-z]{60,66}`)
	rapid.Check(t, func(t *rapid.T) {
		text := part.Draw(t, "local") + rapid.SampledFrom([]string{"@", "@", "@", "", "@@"}).Draw(t, "at") + part.Draw(t, "domain") +
			rapid.SampledFrom([]string{".org", ".example.org", ".", "", ".1", "-.org", "..org"}).Draw(t, "end")
		if address, problem := normalize(text); plain(text) && (problem != "" || string(address) != text) {
			t.Fatalf("%q passes for plain and is %q %s", text, address, problem)
		}
	})
	for _, text := range []string{"first.last17@members.example.org", "a@b-c.example.org", "a_b@1.org"} {
		if address, problem := Normalize(text); !plain(text) || string(address) != text || problem != "" {
			t.Errorf("%s is %q %s, plain: %v", text, address, problem, plain(text))
		}
	}
}
