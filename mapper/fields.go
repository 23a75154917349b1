package mapper

import (
	"crypto/sha256"
	"encoding/hex"
	"slices"
	"strings"
)

// The longest values that Constant Contact takes, in characters.
const (
	maxField  = 50 // names, company, job title, and all of a postal address but the street
	maxPhone  = 25
	maxStreet = 255
	maxCustom = 255
)

// Each field has a digest of its own in a fingerprint, so that an emptied
// field can be told from a changed one.
const (
	digestBytes = 8
	digestChars = 2 * digestBytes
	coreFields  = 4  // names, company, job title
	ownFields   = 10 // and phone and postal address; custom fields follow
)

var noDigest = strings.Repeat("0", digestChars)

func fieldsOf(rep Rep, policy Policy) Fields {
	f := Fields{Rep: rep.ID}
	f.FirstName = f.fit("first name", rep.FirstName, maxField)
	f.LastName = f.fit("last name", rep.LastName, maxField)
	f.Company = f.fit("company", rep.Company, maxField)
	f.JobTitle = f.fit("job title", rep.JobTitle, maxField)
	if policy.SendPhone {
		f.Phone = f.fit("phone", rep.Phone, maxPhone)
	}
	if policy.SendAddress {
		f.Street = f.fit("street", rep.Street, maxStreet)
		f.City = f.fit("city", rep.City, maxField)
		f.State = f.fit("state", rep.State, maxField)
		f.Zip = f.fit("zip", rep.Zip, maxField)
		f.Country = f.fit("country", rep.Country, maxField)
	}
	for _, custom := range policy.CustomFields {
		f.Custom = append(f.Custom, CustomValue{custom.Label, f.fit(custom.Label, rep.Custom[custom.Column], maxCustom)})
	}
	return f
}

// fit trims a value and cuts it to the limit.
func (f *Fields) fit(name, value string, limit int) string {
	value = strings.TrimSpace(value)
	if runes := []rune(value); len(runes) > limit {
		f.Cut = append(f.Cut, name)
		value = strings.TrimSpace(string(runes[:limit]))
	}
	return value
}

// Fingerprint is a hash of what is told about a person, in hexadecimal. It is
// for comparison only, see Tells. It ends with the last field that has a value, so
// that it is as short as before others could be told.
func (f Fields) Fingerprint() string {
	digests := f.digests()
	for len(digests) > coreFields && digests[len(digests)-1] == noDigest {
		digests = digests[:len(digests)-1]
	}
	return strings.Join(digests, "")
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
	values := []string{
		f.FirstName, f.LastName, f.Company, f.JobTitle,
		f.Phone, f.Street, f.City, f.State, f.Zip, f.Country, // after the first: a fingerprint may end before
	}
	digests := make([]string, 0, len(values)+len(f.Custom))
	for _, value := range values {
		digests = append(digests, f.digest("", value))
	}
	for _, custom := range f.Custom {
		digests = append(digests, f.digest(custom.Label, custom.Value))
	}
	return digests
}

// digest is that of one value. A custom field of another label is another one.
func (f Fields) digest(label, value string) string {
	if value == "" {
		return noDigest
	}
	if label != "" {
		value = label + "\x00" + value
	}
	sum := sha256.Sum256([]byte(string(f.Rep) + "\x00" + value))
	return hex.EncodeToString(sum[:digestBytes])
}

// WithoutCustom is the fingerprint of the same fields without the custom ones: of
// what was told when these could not be.
func WithoutCustom(fingerprint string) string {
	fingerprint = fingerprint[:min(len(fingerprint), ownFields*digestChars)]
	for len(fingerprint) > coreFields*digestChars && strings.HasSuffix(fingerprint, noDigest) {
		fingerprint = fingerprint[:len(fingerprint)-digestChars]
	}
	return fingerprint
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
