package sink

import (
	"cmp"
	"slices"
	"unicode/utf8"

	"rollcall/mapper"
	"rollcall/sink/constantcontact"
)

// WhyLeft says why an operation is left for a later batch.
type WhyLeft string

// The reasons for leaving an operation.
const (
	LeftNoList   WhyLeft = "list is not bound"
	LeftNoID     WhyLeft = "contact id is not known"           // of a removal
	LeftTooLong  WhyLeft = "address is too long for an import" // see Planner.Singles
	LeftRows     WhyLeft = "address had its import rows today" // likewise
	LeftNotYet   WhyLeft = "contact is made by this batch"     // then it is added by id
	LeftOnNoList WhyLeft = "person is on no list to tell fields over"
)

// Left is an operation that is left for a later batch.
type Left struct {
	Address mapper.Address
	List    mapper.ListKey // empty for fields
	Op      string         // add, remove or fields
	Why     WhyLeft
}

// LeftOver are the operations of work that none of the calls planned for it
// carries, by address and list.
func LeftOver(work []Work, lists map[mapper.ListKey]BoundList, calls []Call) []Left {
	type item struct {
		address mapper.Address
		list    mapper.ListKey
		op      string
	}
	planned, told := map[item]bool{}, map[mapper.Address]bool{}
	for _, c := range calls {
		for _, in := range c.Intents {
			planned[item{in.Address, in.List, in.Op}] = true
			told[in.Address] = told[in.Address] || in.Fields != "" || in.Op == OpFields
		}
	}
	var left []Left
	for i := range work {
		w := &work[i]
		for _, op := range w.Removes {
			if _, bound := lists[op.List]; !bound {
				left = append(left, Left{w.Address, op.List, "remove", LeftNoList})
			} else if !planned[item{w.Address, op.List, "remove"}] {
				left = append(left, Left{w.Address, op.List, "remove", LeftNoID})
			}
		}
		for _, op := range w.Adds {
			if _, bound := lists[op.List]; !bound {
				left = append(left, Left{w.Address, op.List, "add", LeftNoList})
			} else if !planned[item{w.Address, op.List, "add"}] {
				left = append(left, Left{w.Address, op.List, "add", whyLeft(w, told[w.Address], LeftNotYet)})
			}
		}
		if w.Tell && w.Shown.ID != "" && !told[w.Address] {
			left = append(left, Left{w.Address, "", OpFields, whyLeft(w, false, LeftOnNoList)})
		}
	}
	slices.SortFunc(left, func(a, b Left) int {
		return cmp.Or(cmp.Compare(a.Address, b.Address), cmp.Compare(a.List, b.List), cmp.Compare(a.Op, b.Op))
	})
	return left
}

// whyLeft is why an addition or fields wait; made says that the batch makes or
// tells the contact.
func whyLeft(w *Work, made bool, otherwise WhyLeft) WhyLeft {
	switch {
	case made:
		return otherwise
	case utf8.RuneCountInString(string(w.Address)) > constantcontact.MaxImportAddress:
		return LeftTooLong
	case w.Rows == 0:
		return LeftRows
	}
	return otherwise
}
