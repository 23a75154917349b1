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
	if err := f.again(ctx, step.Call.Addresses); err != nil {
		return err
	}
	late := maps.Clone(f.gone)
	for _, address := range step.Call.Addresses {
		late[address] = late[address] || f.Now().Sub(f.read.Shown[address].ReadAt) > FreshFor
	}
	step.Without(late)
	return nil
}

// leavers takes out of a removal whoever left a list by themselves since they were
// read, which nobody could tell after the removal. Of very many people that is not
// asked, opt-outs wait for no reading, and where nobody can be read the removal
// goes on.
func (f *freshness) leavers(ctx context.Context, step *Step) {
	var read []mapper.Address
	for _, address := range step.Call.Addresses {
		if _, was := f.read.Shown[address]; was {
			read = append(read, address)
		}
	}
	if step.Call.OptOut || f.read.Bulk || f.again(ctx, read) != nil {
		return
	}
	step.Without(f.gone)
}

// again asks by name for those of the people whose reading is older than FreshFor
// once more, and adds whoever was not read, or is worse by now, to those gone.
func (f *freshness) again(ctx context.Context, people []mapper.Address) error {
	shown := maps.Clone(f.read.Shown)
	for _, address := range people {
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
	q := constantcontact.ContactQuery{Status: []string{"unsubscribed"}, OptOutAfter: since.Add(-skew), WithoutLists: true}
	return a.forOptOuts().Contacts(ctx, q, func(page []constantcontact.Contact) error {
		for _, c := range page {
			if c.State == constantcontact.StateUnsubscribed {
				gone[addressOf(c)] = true
			}
		}
		return nil
	})
}
