package sink

import (
	"context"
	"maps"
	"time"

	"rollcall/mapper"
	"rollcall/sink/constantcontact"
)

// FreshFor is how old the read of a person may be when an addition is sent.
const FreshFor = 60 * time.Second

// Oldest is when the oldest answer was true that says something of one of the
// people; zero when one of them was not read. Of very many it is when all had been
// read.
func (r *Reading) Oldest(people []mapper.Address) time.Time {
	if r.Bulk {
		return r.At
	}
	var oldest time.Time
	for i, address := range people {
		if at := r.Shown[address].ReadAt; i == 0 || at.Before(oldest) {
			oldest = at
		}
	}
	return oldest
}

// freshness keeps the additions of a batch to what was read just now.
type freshness struct {
	*Applier
	read Reading
	gone map[mapper.Address]bool // who is not any more as they were read
}

// freshen takes out of a call whoever is not any more as they were read, once that
// is older than FreshFor. Of very many people these are those who unsubscribed. Of
// few, whoever was asked for by name is asked for once more; if that takes
// so long that some answers are old by then, those people wait too.
func (f *freshness) freshen(ctx context.Context, step *Step) error {
	step.Without(f.gone)
	if f.Now().Sub(f.read.Oldest(step.Call.Addresses)) <= FreshFor {
		return nil
	}
	if f.read.Bulk {
		sweptAt := f.Now()
		if err := f.sweep(ctx, f.read.At, f.gone); err != nil {
			return err
		}
		f.read.At = sweptAt
		step.Without(f.gone)
		return nil
	}
	shown := maps.Clone(f.read.Shown)
	for _, address := range step.Call.Addresses {
		was, read := shown[address]
		if f.gone[address] = f.gone[address] || !read; f.gone[address] || f.Now().Sub(was.ReadAt) <= FreshFor {
			continue
		}
		s, err := f.readOne(ctx, address)
		if err != nil {
			return err
		}
		shown[address], f.gone[address] = s, s.worse(was)
	}
	f.read.Shown = shown
	late := maps.Clone(f.gone)
	for _, address := range step.Call.Addresses {
		late[address] = late[address] || f.Now().Sub(shown[address].ReadAt) > FreshFor
	}
	step.Without(late)
	return nil
}

// worse reports whether somebody is less than they were read before: deleted, on
// hold, another contact, or off a list. More may come from our own calls.
func (s Shown) worse(was Shown) bool {
	for id := range was.Lists {
		if !s.Lists[id] {
			return true
		}
	}
	return s.State != was.State && s.State != mapper.ContactActive || was.ID != "" && s.ID != was.ID
}

// skew is how far Constant Contact's clock may be from ours.
const skew = 5 * time.Minute

// sweep adds whoever unsubscribed since to gone.
func (a *Applier) sweep(ctx context.Context, since time.Time, gone map[mapper.Address]bool) error {
	q := constantcontact.ContactQuery{Status: []string{"unsubscribed"}, OptOutAfter: since.Add(-skew)}
	return a.forOptOuts().Contacts(ctx, q, func(page []constantcontact.Contact) error {
		for _, c := range page {
			if c.State == constantcontact.StateUnsubscribed {
				gone[addressOf(c)] = true
			}
		}
		return nil
	})
}
