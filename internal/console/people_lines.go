package console

import (
	"strings"

	"rollcall/mapper"
)

// PersonLine is one person in a table.
type PersonLine struct {
	Who       string         // stands for the person in the order of the table
	Address   mapper.Address // empty: there is none that can be used
	Rep       mapper.RepID   // whose row decided; may be empty
	FirstName string
	LastName  string
	Company   string
	Class     string // of package tally
	Reason    mapper.Reason
	OnList    bool
	Op        string // add or remove: still to be done
}

// personRow is a PersonLine as it is shown.
type personRow struct {
	PersonLine
	Name, Path string
}

// peopleTable is one page of people.
type peopleTable struct {
	Rows []personRow
	Next string // the path of the next page; empty: this is the last
	Back bool   // it is not the first
}

// pageSize is how many people a page shows.
const pageSize = 50

// rows makes people presentable, with links that name nobody.
func (c *Console) rows(q *request, people []PersonLine) []personRow {
	rows := make([]personRow, len(people))
	for i, p := range people {
		rows[i] = personRow{PersonLine: p, Name: fullName(p.FirstName, p.LastName), Path: c.personPath(q, p.Address, p.Rep)}
	}
	return rows
}

// personPath leads to a person.
func (c *Console) personPath(q *request, address mapper.Address, rep mapper.RepID) string {
	if address == "" {
		return q.to("people", "rep", string(rep))
	}
	return q.to("people", "at", c.sealer.seal(q.association.ID, string(address)))
}

func fullName(first, last string) string { return strings.TrimSpace(first + " " + last) }
