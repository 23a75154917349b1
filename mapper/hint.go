package mapper

import (
	"strings"
	"unicode"
	"unicode/utf8"
)

// Hint says in one sentence what is wrong with an e-mail field that Normalize
// refuses, and what to do about it. It repeats nothing of the field. It is
// empty for a field that can be used.
func Hint(raw string) string {
	switch _, problem := Normalize(raw); problem {
	case "":
		return ""
	case ReasonNoEmail:
		return "The field is empty: enter the address, or leave it empty if the person has none."
	case ReasonEmailTooLong:
		return "The address is longer than 80 characters: Constant Contact takes no such address, so ask for another one."
	}
	text := strings.TrimSpace(raw)
	at := strings.LastIndexByte(text, '@')
	switch {
	case !utf8.ValidString(text) || strings.ContainsFunc(text, hidden):
		return "The field holds characters that cannot be seen: delete it and type the address anew."
	case strings.Count(text, "@") > 1 && strings.ContainsAny(text, ",;/|&") || len(addressesIn(text)) > 1:
		return "The field holds more than one address: keep one, and enter the other one with a representative of its own."
	case strings.ContainsAny(text, "<>"):
		return "The field holds a name or brackets around the address: keep only the address itself."
	case strings.HasPrefix(strings.ToLower(text), "mailto:"):
		return "The field holds a link: delete the word and the colon before the address."
	case strings.ContainsAny(text, "()"):
		return "The field holds a remark in brackets: keep only the address itself."
	case at < 0:
		return "There is no @ in the field: enter the whole address, with the domain after the @."
	case strings.ContainsFunc(text, unicode.IsSpace):
		return "There is a space in the address: delete it, or anything that is not the address."
	case strings.Count(text, "@") > 1:
		return "There is more than one @ in the address: keep the one before the domain."
	}
	return hintAtPart(text[:at], text[at+1:])
}

// hintAtPart is for a field of one word with one @.
func hintAtPart(local, domain string) string {
	switch {
	case local == "":
		return "There is nothing before the @: enter the person's part of the address."
	case domain == "":
		return "There is no domain after the @: complete the address."
	case !isASCII(local):
		return "There is a letter before the @ that is not a plain one, such as one with an accent: Constant Contact takes no such address, so ask for another one."
	case !strings.ContainsAny(domain, ".\u3002\uff0e\uff61"):
		return "The domain has no ending: complete what comes after the @, with its dot."
	case strings.HasPrefix(domain, ".") || strings.HasSuffix(domain, ".") || strings.Contains(domain, ".."):
		return "There is a dot too many after the @: delete it."
	case strings.HasPrefix(local, ".") || strings.HasSuffix(local, ".") || strings.Contains(local, ".."):
		return "There is a dot at the beginning or end of the part before the @, or two in a row: check it with the person."
	case strings.ContainsAny(local, "\"'`,;:\\[]"):
		return "There is a quotation mark, comma, colon or bracket before the @: delete it."
	}
	return "What comes after the @ is no domain name: check it for characters that do not belong there."
}

// hidden reports whether a character is not shown, or not as what it is: it
// comes along when an address is copied.
func hidden(r rune) bool {
	return unicode.IsControl(r) && !unicode.IsSpace(r) || unicode.Is(unicode.Cf, r)
}

// addressesIn returns the different addresses among the words of a text.
func addressesIn(text string) map[Address]bool {
	found := make(map[Address]bool)
	for _, word := range strings.FieldsFunc(text, func(r rune) bool { return unicode.IsSpace(r) || strings.ContainsRune(",;/|&<>()", r) }) {
		if address, problem := Normalize(word); problem == "" {
			found[address] = true
		}
	}
	return found
}
