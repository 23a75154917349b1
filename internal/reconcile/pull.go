package reconcile

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"rollcall/internal/failpoint"
	"rollcall/internal/store"
	"rollcall/mapper"
	"rollcall/sink"
)

// errTooManyUnshown says that a reading of some lists missed so many of their
// people that only the whole account can tell what became of them.
var errTooManyUnshown = errors.New("read lists: many people are on none of them any more")

// maxLookUps bounds the people whom one pull asks for by name: two minutes of
// requests, and a twentieth of the key's day. Whoever is left is asked for the
// next time.
const maxLookUps = 500

// What a pull found, in a run's report.
const (
	foundContacts     = "contacts"              // read
	foundNameless     = "without_address"       // on a list of ours, without an address
	foundUnsubscribed = "unsubscribed_on_lists" // unsubscribed, and still shown on a list of ours
	foundLeft         = "left"                  // pairs that a GET confirmed as gone
	foundAsked        = "asked"                 // pairs of lists that many left at once
	foundLookedUp     = "looked_up"             // asked for by name
	foundPutOff       = "put_off"               // to be asked for by name the next time
)

// puller is one reading of an account.
type puller struct {
	*Reconciler
	scope []mapper.ListKey // lists that are read by themselves; none for the whole account
	began time.Time
	keys  map[string]mapper.ListKey // by list id, of our lists that exist
	sizes map[mapper.ListKey]int    // when the pull began
	found map[string]int
	// pages are people whom pages showed and who are not taken in yet, with the page
	// that showed them last.
	pages  map[mapper.Address]sink.Shown
	export bool // the pages come from an export
	// suspects counts, by list, people who are wanted on it, were on it, and whom
	// their page does not show there.
	suspects map[mapper.ListKey]int
}

// pull reads the account, or some of our lists, and folds in what it shows. A
// page proves what is on it: what it does not show although the ledger expects
// it waits until all pages are read, and somebody who seems to have left a list
// is asked for by name. Where many left one list at once a person is asked
// instead. An error means that the reading was not complete: then nothing was
// taken in that somebody is off a list. size is about how many contacts the
// account has, where it is read as a whole.
func (r *Reconciler) pull(ctx context.Context, scope []sink.BoundList, size int) (map[string]int, error) {
	p := &puller{Reconciler: r, scope: keysOf(scope), began: r.Now(), found: map[string]int{}, suspects: map[mapper.ListKey]int{}, pages: map[mapper.Address]sink.Shown{}}
	var err error
	if p.keys, err = r.boundLists(ctx); err != nil {
		return nil, err
	}
	if p.sizes, err = r.Store.ListSizes(ctx); err != nil {
		return nil, err
	}
	if err := r.Store.ForgetPull(ctx); err != nil {
		return nil, err
	}
	ids := make([]string, len(scope))
	for i, l := range scope {
		ids[i] = l.ListID
	}
	err = r.Applier.Pull(ctx, ids, size, func(page sink.Page) error {
		if err := p.page(ctx, page); err != nil {
			return err
		}
		return r.between(ctx)
	})
	// What was read is true, complete or not.
	if err = errors.Join(err, p.takeIn(ctx)); err != nil {
		return nil, fmt.Errorf("read account: %w", err)
	}
	if err := p.weighMisses(ctx); err != nil {
		return nil, err
	}
	if err := p.settle(ctx); err != nil {
		return nil, err
	}
	if len(p.scope) == 0 {
		if err := r.Store.AccountRead(ctx, p.began); err != nil {
			return nil, err
		}
	}
	return p.found, r.Store.ForgetPull(ctx)
}

// pullAll reads the whole account.
func (r *Reconciler) pullAll(ctx context.Context) (map[string]int, error) {
	size, err := r.Applier.AccountSize(ctx)
	if err != nil {
		return nil, err
	}
	return r.pull(ctx, nil, size)
}

// boundLists are our lists that exist, by list id.
func (r *Reconciler) boundLists(ctx context.Context) (map[string]mapper.ListKey, error) {
	lists, err := r.Store.Lists(ctx)
	if err != nil {
		return nil, err
	}
	keys := make(map[string]mapper.ListKey, len(lists))
	for _, l := range lists {
		if l.State == mapper.ListBound {
			keys[l.ListID] = l.Key
		}
	}
	return keys, nil
}

// intake is how many people at a time are taken in: a few pages, or a part of an
// export.
const intake = 5000

// page takes in a page, with others.
func (p *puller) page(ctx context.Context, page sink.Page) error {
	failpoint.Hit(failpoint.PageRead)
	if page.Again {
		clear(p.found)
		clear(p.pages)
		return p.Store.ForgetPull(ctx)
	}
	p.export = page.Export
	p.found[foundContacts] += len(page.People) + len(page.Nameless)
	for _, s := range page.Nameless {
		if p.onOurs(s) {
			p.found[foundNameless]++
		}
	}
	for address, s := range page.People {
		if s.State == mapper.ContactUnsubscribed && p.onOurs(s) {
			p.found[foundUnsubscribed]++
		}
		p.pages[address] = s
	}
	if len(p.pages) < intake {
		return nil
	}
	return p.takeIn(ctx)
}

// takeIn takes in what pages showed: of whom the state knows, and of whoever is on a
// list of ours. That somebody is active again who was not is no matter for an
// export: it is asked for by name.
func (p *puller) takeIn(ctx context.Context) error {
	defer clear(p.pages)
	news, err := p.news(ctx)
	if err != nil || len(news) == 0 {
		return err
	}
	expected, err := p.Store.Expect(ctx, addressesOf(news))
	if err != nil {
		return err
	}
	plain := map[mapper.Address]sink.Shown{}
	var missed []store.Missed
	for address, s := range news {
		e := expected[address]
		if !e.Known && !p.onOurs(s) || p.export && s.State == mapper.ContactActive && e.NotActive {
			continue
		}
		if lost := p.lost(e, s); len(lost) > 0 {
			missed = append(missed, store.Missed{Address: address, Shown: s, On: lost})
		} else {
			plain[address] = s
		}
	}
	if err := p.Deliverer.Observe(ctx, plain); err != nil {
		return err
	}
	return p.Store.KeepMissed(ctx, missed)
}

// news are those of whom pages showed anything but what is known. Of all others it
// is kept that they were shown.
func (p *puller) news(ctx context.Context) (map[mapper.Address]sink.Shown, error) {
	addresses := addressesOf(p.pages)
	known, err := p.Store.OnRecord(ctx, addresses)
	if err != nil {
		return nil, err
	}
	bound := make(map[mapper.ListKey]bool, len(p.keys))
	for _, key := range p.keys {
		bound[key] = true
	}
	news := map[mapper.Address]sink.Shown{}
	confirmed := make([]mapper.Address, 0, len(addresses))
	for i, address := range addresses {
		s := p.pages[address]
		read := mapper.Read{State: s.State, ID: s.ID, At: s.ReadAt, Lists: make(map[mapper.ListKey]bool, len(s.Lists)), Total: len(s.Lists)}
		for key := range known[i].Pairs {
			if bound[key] {
				read.Lists[key] = false
			}
		}
		for id := range s.Lists {
			if key, ours := p.keys[id]; ours {
				read.Lists[key] = true
			}
		}
		if mapper.Confirms(known[i].Contact, known[i].Pairs, read) {
			confirmed = append(confirmed, address)
		} else {
			news[address] = s
		}
	}
	return news, p.Store.KeepShown(ctx, confirmed)
}

func (p *puller) onOurs(s sink.Shown) bool {
	for id := range s.Lists {
		if _, ours := p.keys[id]; ours {
			return true
		}
	}
	return false
}

// lost are the lists on which somebody was expected and is not shown.
func (p *puller) lost(e store.Expected, s sink.Shown) []mapper.ListKey {
	shown := map[mapper.ListKey]bool{}
	for id := range s.Lists {
		shown[p.keys[id]] = true
	}
	return slices.DeleteFunc(slices.Clone(e.On), func(key mapper.ListKey) bool { return shown[key] })
}

// weighMisses finds out, now that all pages are read, which misses may mean that
// somebody left. All others are taken in.
func (p *puller) weighMisses(ctx context.Context) error {
	for after := mapper.Address(""); ; {
		missed, err := p.Store.Missed(ctx, after, bulk, false)
		if err != nil || len(missed) == 0 {
			return err
		}
		after = missed[len(missed)-1].Address
		leavers, err := p.leavers(ctx, missed)
		if err != nil {
			return err
		}
		plain := map[mapper.Address]sink.Shown{}
		var suspects []store.Missed
		for _, m := range missed {
			if m.Suspect = leavers[m.Address]; len(m.Suspect) == 0 || m.Shown.State != mapper.ContactActive {
				plain[m.Address] = m.Shown
				continue
			}
			for _, key := range m.Suspect {
				p.suspects[key]++
			}
			suspects = append(suspects, m)
		}
		if err := p.Deliverer.Observe(ctx, plain); err != nil {
			return err
		}
		if err := p.Store.KeepMissed(ctx, suspects); err != nil {
			return err
		}
	}
}

// leavers are the lists that missed people may have left: they are wanted there,
// and were there.
func (p *puller) leavers(ctx context.Context, missed []store.Missed) (map[mapper.Address][]mapper.ListKey, error) {
	lost := make(map[mapper.Address][]mapper.ListKey, len(missed))
	addresses := make([]mapper.Address, len(missed))
	for i, m := range missed {
		addresses[i], lost[m.Address] = m.Address, m.On
	}
	in, out, err := p.Deliverer.Plan(ctx, addresses, nil)
	if err != nil {
		return nil, err
	}
	pairs := make(map[mapper.Address]map[mapper.ListKey]mapper.Pair, len(in.People))
	for _, person := range in.People {
		pairs[person.Address] = person.Pairs
	}
	leavers := map[mapper.Address][]mapper.ListKey{}
	for _, d := range out.Decisions {
		pair := pairs[d.Address][d.List]
		applied := pair.Seen || pair.Told == mapper.ToldAdd && pair.Confirmed
		if d.Verdict == mapper.On && applied && pair.Told != mapper.ToldRemove && slices.Contains(lost[d.Address], d.List) {
			leavers[d.Address] = append(leavers[d.Address], d.List)
		}
	}
	return leavers, nil
}

// settle asks for whoever may have left, and for whomever no page showed, and
// then takes in what it found.
func (p *puller) settle(ctx context.Context) error {
	unshown, err := p.Store.Unshown(ctx, p.began, p.scope, maxLookUps+1)
	if err != nil {
		return err
	}
	for _, key := range p.scope {
		if mapper.Many(len(unshown), p.sizes[key]) {
			return errTooManyUnshown
		}
	}
	shown, err := p.lookUpSuspects(ctx)
	if err != nil {
		return err
	}
	for i, address := range unshown {
		if p.found[foundLookedUp] >= maxLookUps {
			p.found[foundPutOff] += len(unshown) - i
			break
		}
		if err := p.lookUp(ctx, address, shown); err != nil {
			return err
		}
	}
	// Whoever was on a list that was deleted meanwhile has not left it.
	if len(p.suspects) > 0 || len(shown) > 0 {
		account, err := p.Applier.AccountLists(ctx)
		if err != nil {
			return err
		}
		if _, err := p.compareLists(ctx, account); err != nil {
			return err
		}
		if p.keys, err = p.boundLists(ctx); err != nil {
			return err
		}
	}
	if err := p.askAboutMany(ctx); err != nil {
		return err
	}
	return p.Deliverer.Observe(ctx, shown)
}

// lookUpSuspects asks for the people who may have left a list that few left.
func (p *puller) lookUpSuspects(ctx context.Context) (map[mapper.Address]sink.Shown, error) {
	shown := map[mapper.Address]sink.Shown{}
	for after := mapper.Address(""); ; {
		missed, err := p.Store.Missed(ctx, after, bulk, true)
		if err != nil || len(missed) == 0 {
			return shown, err
		}
		after = missed[len(missed)-1].Address
		for _, m := range missed {
			few := slices.DeleteFunc(slices.Clone(m.Suspect), p.many)
			if len(few) == 0 {
				continue
			}
			if p.found[foundLookedUp] >= maxLookUps {
				p.found[foundPutOff]++
				continue
			}
			if err := p.lookUp(ctx, m.Address, shown); err != nil {
				return nil, err
			}
			if s := shown[m.Address]; s.State == mapper.ContactActive {
				p.found[foundLeft] += len(p.lost(store.Expected{On: few}, s))
			}
		}
	}
}

func (p *puller) lookUp(ctx context.Context, address mapper.Address, shown map[mapper.Address]sink.Shown) error {
	s, err := p.Applier.ReadAddress(ctx, address)
	if err != nil {
		return err
	}
	shown[address] = s
	p.found[foundLookedUp]++
	return p.between(ctx)
}

// many reports whether so many are missed from a list at once that nobody is
// believed to have left it.
func (p *puller) many(key mapper.ListKey) bool { return mapper.Many(p.suspects[key], p.sizes[key]) }

// askAboutMany asks, list by list, whether many people left or staff removed
// them. Nobody is put back before that is answered: they count as missed.
func (p *puller) askAboutMany(ctx context.Context) error {
	exists := map[mapper.ListKey]bool{}
	for _, key := range p.keys {
		exists[key] = true
	}
	for key, n := range p.suspects {
		if !p.many(key) || !exists[key] {
			continue
		}
		p.found[foundAsked] += n
		p.Log.Warn("many people are not on a list any more: asking whether they left", "association", p.ID, "list", string(key), "people", n, "of", p.sizes[key])
	}
	for after := mapper.Address(""); ; {
		missed, err := p.Store.Missed(ctx, after, bulk, true)
		if err != nil || len(missed) == 0 {
			return err
		}
		after = missed[len(missed)-1].Address
		questions := map[mapper.ListKey]store.Question{}
		plain := map[mapper.Address]sink.Shown{}
		for _, m := range missed {
			for _, key := range m.Suspect {
				if !p.many(key) || !exists[key] {
					continue
				}
				q := questions[key]
				q.Kind, q.List = mapper.HoldManyLeft, key
				q.Detail = fmt.Sprintf("%d of %d people are not on the list any more: they left, or somebody removed them", p.suspects[key], p.sizes[key])
				q.Pairs = append(q.Pairs, store.AskedPair{Address: m.Address, List: key, Op: mapper.AddToList, Reason: mapper.ReasonLeftList})
				questions[key] = q
			}
			if !slices.ContainsFunc(m.Suspect, func(key mapper.ListKey) bool { return !p.many(key) }) {
				plain[m.Address] = m.Shown
			}
		}
		for _, q := range questions {
			if err := p.Store.Ask(ctx, q); err != nil {
				return err
			}
		}
		// Asked first: a miss that somebody is asked about is no departure.
		if err := p.Deliverer.Observe(ctx, plain); err != nil {
			return err
		}
	}
}

func addressesOf[V any](people map[mapper.Address]V) []mapper.Address {
	addresses := make([]mapper.Address, 0, len(people))
	for address := range people {
		addresses = append(addresses, address)
	}
	slices.Sort(addresses)
	return addresses
}
