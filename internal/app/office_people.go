package app

import (
	"cmp"
	"context"
	"errors"
	"slices"
	"strings"
	"time"

	"rollcall/internal/console"
	"rollcall/internal/report"
	"rollcall/mapper"
)

const (
	// searchSize is how many people a search shows.
	searchSize = 50
	// searchPatience is how long names are looked through. An index on them, as
	// the reference schema has, needs milliseconds.
	searchPatience = 3 * time.Second
)

// Find looks for people; see console.Office.
func (o *office) Find(ctx context.Context, association, text string) (found []console.PersonLine, slow bool, err error) {
	v, err := o.View(association)
	if err != nil {
		return nil, false, err
	}
	if strings.Contains(text, "@") {
		address, problem := mapper.Normalize(text)
		if problem != "" {
			return nil, false, &console.Problem{Status: 400, What: "This is not one e-mail address.", Detail: problem.Text(), Try: sentence(mapper.Hint(text))}
		}
		if _, err := v.Explain(ctx, address); err != nil {
			return nil, false, nobodyOr(err)
		}
		return []console.PersonLine{{Who: string(address), Address: address}}, false, nil
	}
	if _, _, err := v.Find(ctx, mapper.RepID(text)); err == nil {
		found = append(found, console.PersonLine{Rep: mapper.RepID(text)})
	} else if nobodyOr(err) != nil {
		return nil, false, err
	}
	limited, cancel := context.WithTimeout(ctx, searchPatience)
	defer cancel()
	ids, err := o.source.RepsNamed(limited, association, text, searchSize)
	if errors.Is(err, context.DeadlineExceeded) && ctx.Err() == nil {
		return found, true, v.name(ctx, found, []mapper.RepID{mapper.RepID(text)})
	}
	if err != nil {
		return nil, false, err
	}
	if len(found) > 0 && !slices.Contains(ids, found[0].Rep) {
		ids = append(ids, found[0].Rep)
	}
	reps, err := v.reps(ctx, ids)
	if err != nil {
		return nil, false, err
	}
	slices.SortFunc(reps, func(a, b *mapper.Rep) int {
		return cmp.Or(cmp.Compare(strings.ToLower(a.LastName), strings.ToLower(b.LastName)), cmp.Compare(strings.ToLower(a.FirstName), strings.ToLower(b.FirstName)), cmp.Compare(a.ID, b.ID))
	})
	for _, rep := range reps {
		address, problem := mapper.Normalize(rep.Email)
		if problem != "" {
			address = ""
		}
		line := console.PersonLine{Address: address, Rep: rep.ID, FirstName: rep.FirstName, LastName: rep.LastName, Company: rep.Company, Reason: problem}
		if i := slices.IndexFunc(found, func(l console.PersonLine) bool { return l.Rep == rep.ID }); i >= 0 {
			found[i] = line
		} else {
			found = append(found, line)
		}
	}
	return found, false, nil
}

// nobodyOr is nil where somebody is not known.
func nobodyOr(err error) error {
	if _, nobody := errors.AsType[*NobodyError](err); nobody {
		return nil
	}
	return err
}

// ExplainAddress explains one address; see console.Office.
func (o *office) ExplainAddress(ctx context.Context, association string, address mapper.Address) (*report.Explanation, error) {
	v, err := o.View(association)
	if err != nil {
		return nil, err
	}
	x, err := v.Explain(ctx, address)
	return x, problemOf(err)
}

// ExplainRep explains one rep; see console.Office.
func (o *office) ExplainRep(ctx context.Context, association string, rep mapper.RepID) ([]*report.Explanation, error) {
	v, err := o.View(association)
	if err != nil {
		return nil, err
	}
	all, err := v.ExplainRep(ctx, rep)
	return all, problemOf(err)
}

// Look reads one person again; see console.Office.
func (o *office) Look(ctx context.Context, association string, address mapper.Address, by string) (int64, error) {
	v, err := o.View(association)
	if err != nil {
		return 0, err
	}
	return v.Look(ctx, address, by)
}

// Retry tries an address again; see console.Office.
func (o *office) Retry(ctx context.Context, association string, address mapper.Address, by string) (int64, error) {
	v, err := o.View(association)
	if err != nil {
		return 0, err
	}
	x, err := v.Explain(ctx, address)
	if err != nil {
		return 0, problemOf(err)
	}
	id, err := v.Retry(ctx, x, by)
	return id, problemOf(err)
}

// AllowBack lets somebody back; see console.Office.
func (o *office) AllowBack(ctx context.Context, association string, address mapper.Address, list mapper.ListKey, by string) (int64, error) {
	v, err := o.View(association)
	if err != nil {
		return 0, err
	}
	x, err := v.Explain(ctx, address)
	if err != nil {
		return 0, problemOf(err)
	}
	id, err := v.AllowBack(ctx, x, string(list), by)
	return id, problemOf(err)
}

// MayAllowBack reports whether an operator may set a reason aside; see
// console.Office.
func (o *office) MayAllowBack(r mapper.Reason) bool { return MayAllowBack(r) }
