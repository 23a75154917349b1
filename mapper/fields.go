package mapper

import (
	"crypto/sha256"
	"encoding/hex"
	"slices"
	"strings"
)

// maxField is the longest name, company and job title that Constant Contact
// takes, in characters.
const maxField = 50

// Each field has a digest of its own in a fingerprint, so that an emptied
// field can be told from a changed one.
const (
	digestBytes = 8
	digestChars = 2 * digestBytes
)

var noDigest = strings.Repeat("0", digestChars)

func fieldsOf(rep Rep) Fields {
	return Fields{
		Rep:       rep.ID,
		FirstName: cutField(rep.FirstName),
		LastName:  cutField(rep.LastName),
		Company:   cutField(rep.Company),
		JobTitle:  cutField(rep.JobTitle),
	}
}

func cutField(value string) string {
	value = strings.TrimSpace(value)
	if runes := []rune(value); len(runes) > maxField {
		value = strings.TrimSpace(string(runes[:maxField]))
	}
	return value
}

// Fingerprint is a hash of what is told about a person, in hexadecimal. It is
// for comparison only, see Tells.
func (f Fields) Fingerprint() string {
	return strings.Join(f.digests(), "")
}

// Tells reports whether f says anything that the fields with this fingerprint
// did not. An empty value says nothing, because it never blanks a field.
func (f Fields) Tells(fingerprint string) bool {
	for i, digest := range f.digests() {
		if digest != noDigest && digest != digestAt(fingerprint, i) {
			return true
		}
	}
	return false
}

func (f Fields) digests() []string {
	values := []string{f.FirstName, f.LastName, f.Company, f.JobTitle}
	digests := make([]string, len(values))
	for i, value := range values {
		digests[i] = noDigest
		if value != "" {
			sum := sha256.Sum256([]byte(string(f.Rep) + "\x00" + value))
			digests[i] = hex.EncodeToString(sum[:digestBytes])
		}
	}
	return digests
}

func digestAt(fingerprint string, i int) string {
	if len(fingerprint) < (i+1)*digestChars {
		return noDigest
	}
	return fingerprint[i*digestChars : (i+1)*digestChars]
}

// winner returns the holder whose fields an address gets: an active one first,
// then the lowest id. The order is fixed so that a shared address keeps its
// name while nothing changes.
func winner(holders []Rep) Rep {
	return slices.MinFunc(holders, func(a, b Rep) int {
		if (a.inactive() == "") != (b.inactive() == "") {
			if a.inactive() == "" {
				return -1
			}
			return 1
		}
		return compareIDs(a.ID, b.ID)
	})
}
