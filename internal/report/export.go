package report

import (
	"encoding/csv"
	"io"
	"strings"

	"rollcall/mapper"
)

// ReasonFormula is why an address is left out of an export although it is
// wanted: a spreadsheet would take it for a formula, and an address cannot be
// quoted without becoming another one.
const ReasonFormula mapper.Reason = "address_looks_like_a_formula"

const formulaText = "A spreadsheet would take the address for a formula; add this person in Constant Contact by hand."

// Export writes people as Constant Contact imports them, and whoever is left
// out to another file, with the reasons.
type Export struct {
	People  int // written
	Omitted int // left out

	in, out        *csv.Writer
	phone, address bool
}

// NewExport begins both files. leftOut may be nil: those left out are only
// counted then. Phone numbers, postal addresses and custom fields go along where
// the policy sends them.
func NewExport(people, leftOut io.Writer, policy mapper.Policy) (*Export, error) {
	e := &Export{in: csv.NewWriter(people), phone: policy.SendPhone, address: policy.SendAddress}
	header := []string{"email", "first_name", "last_name", "company_name", "job_title"}
	if e.phone {
		header = append(header, "phone")
	}
	if e.address {
		header = append(header, "street", "city", "state", "zip", "country")
	}
	for _, custom := range policy.CustomFields {
		header = append(header, custom.Label)
	}
	if err := e.in.Write(header); err != nil {
		return nil, err
	}
	if leftOut == nil {
		return e, nil
	}
	e.out = csv.NewWriter(leftOut)
	return e, e.out.Write([]string{"email", "rep", "first_name", "last_name", "reasons", "explanation"})
}

// Person writes somebody who would be on the list.
func (e *Export) Person(address mapper.Address, f mapper.Fields) error {
	if formula(string(address)) {
		person := mapper.Person{Address: address, Holders: []mapper.Rep{{ID: f.Rep, FirstName: f.FirstName, LastName: f.LastName}}}
		return e.LeftOut(person, []mapper.Reason{ReasonFormula})
	}
	e.People++
	row := []string{f.FirstName, f.LastName, f.Company, f.JobTitle}
	if e.phone {
		row = append(row, f.Phone)
	}
	if e.address {
		row = append(row, f.Street, f.City, f.State, f.Zip, f.Country)
	}
	for _, custom := range f.Custom {
		row = append(row, custom.Value)
	}
	return e.in.Write(append([]string{string(address)}, Neutral(row)...))
}

// LeftOut writes somebody who would not, with the reasons.
func (e *Export) LeftOut(p mapper.Person, reasons []mapper.Reason) error {
	e.Omitted++
	if e.out == nil {
		return nil
	}
	var reps, codes, texts []string
	var first, last string
	for i, h := range p.Holders {
		reps = append(reps, string(h.ID))
		if i == 0 {
			first, last = h.FirstName, h.LastName
		}
	}
	for _, r := range reasons {
		text := r.Text()
		if r == ReasonFormula {
			text = formulaText
		}
		codes, texts = append(codes, string(r)), append(texts, text)
	}
	return e.out.Write(Neutral([]string{
		string(p.Address), strings.Join(reps, " "), first, last, strings.Join(codes, " "), strings.Join(texts, " "),
	}))
}

// Close writes what is left.
func (e *Export) Close() error {
	e.in.Flush()
	if err := e.in.Error(); err != nil || e.out == nil {
		return err
	}
	e.out.Flush()
	return e.out.Error()
}

// formula says whether a spreadsheet takes a cell for more than text
// (owasp.org/www-community/attacks/CSV_Injection).
func formula(cell string) bool {
	return cell != "" && strings.ContainsRune("=+-@\t\r\n", rune(cell[0]))
}

// Neutral puts an apostrophe before what a spreadsheet would take for a formula.
func Neutral(cells []string) []string {
	for i, c := range cells {
		if formula(c) {
			cells[i] = "'" + c
		}
	}
	return cells
}
