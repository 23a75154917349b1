package mapper

import (
	"log/slog"
	"net/mail"
	"strings"
	"unicode/utf8"

	"golang.org/x/net/idna"
)

// maxAddress is the longest e-mail address that Constant Contact takes, in
// characters.
const maxAddress = 80

// Address is a trimmed, lower-cased e-mail address with its domain in ASCII:
// the key of a Constant Contact contact. Dots and plus tags in the local part
// are kept, because they may be other people.
type Address string

// LogValue keeps the address out of logs.
func (a Address) LogValue() slog.Value { return slog.StringValue("[address]") }

// domains turns an international domain into punycode and refuses what is no
// host name.
var domains = idna.New(
	idna.MapForLookup(),
	idna.BidiRule(),
	idna.Transitional(false),
	idna.VerifyDNSLength(true),
)

// Normalize turns an e-mail address as the member database stores it into the
// address that Constant Contact knows. A text that is none gives an empty
// Address with ReasonNoEmail, ReasonInvalidEmail or ReasonEmailTooLong.
func Normalize(raw string) (Address, Reason) {
	if plain(raw) {
		return Address(raw), ""
	}
	return normalize(raw)
}

// plain reports whether a text is an address as most are, of which normalize would
// say at length that it is one already: lower-case letters, digits and single dots,
// hyphens and underscores between them.
func plain(text string) bool {
	at := strings.IndexByte(text, '@')
	if at < 0 || len(text) > maxAddress || strings.IndexByte(text[at+1:], '.') < 0 {
		return false
	}
	label := 0 // characters of the present one
	for i := range len(text) {
		switch c := text[i]; {
		case 'a' <= c && c <= 'z' || '0' <= c && c <= '9':
			if label++; i > at && label > maxLabel {
				return false
			}
		case c == '.' || c == '-' || c == '_' && i < at || i == at:
			if i == 0 || i == len(text)-1 || !alphanumeric(text[i-1]) || !alphanumeric(text[i+1]) {
				return false
			}
			if label++; c != '-' {
				label = 0
			}
		default:
			return false
		}
	}
	return true
}

// maxLabel is the longest part between the dots of a domain.
const maxLabel = 63

func alphanumeric(c byte) bool { return 'a' <= c && c <= 'z' || '0' <= c && c <= '9' }

func normalize(raw string) (Address, Reason) {
	text := strings.TrimSpace(raw)
	if text == "" {
		return "", ReasonNoEmail
	}
	at := strings.LastIndexByte(text, '@')
	// The local part is looked at before lower-casing, which makes the Kelvin
	// sign a k; idna would encode bytes that are no characters.
	if at < 0 || !isASCII(text[:at]) || !utf8.ValidString(text) {
		return "", ReasonInvalidEmail
	}
	domain, err := domains.ToASCII(text[at+1:])
	if err != nil || !strings.Contains(domain, ".") {
		return "", ReasonInvalidEmail
	}
	address := strings.ToLower(text[:at]) + "@" + domain
	parsed, err := mail.ParseAddress(address)
	if err != nil || parsed.Address != address {
		return "", ReasonInvalidEmail
	}
	if len(address) > maxAddress {
		return "", ReasonEmailTooLong
	}
	return Address(address), ""
}

func isASCII(s string) bool {
	for i := range len(s) {
		if s[i] >= 0x80 {
			return false
		}
	}
	return true
}
