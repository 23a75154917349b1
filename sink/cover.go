package sink

import (
	"cmp"
	"slices"
)

// grid is what calls of one kind are to cover: people down, lists across. A
// call reaches every person on it with every list on it, so it may have only
// pairs that are wanted or free.
type grid struct {
	lists int
	want  []listSet // of each person: pairs to be covered
	free  []listSet // of each person: pairs that a call reaches without effect
	// again: a wanted pair may be covered more than once. So it is for removals.
	// A second addition could put back somebody who left in between.
	again bool
	most  int // people that one call takes
}

// block is a part of a grid that calls may have as a whole: every pair of it is
// wanted or free.
type block struct {
	lists  listSet
	people []int
}

// line is people with the same pairs.
type line struct {
	want, may listSet // may: wanted or free
	people    []int
}

// troop is lines whose people may all have the lists that any of them wants.
type troop struct {
	want, may listSet // of any of them, and of all of them
	lines     []int
	people    int
}

// mergeLines is up to how many lines are compared with each other: the work
// grows with their square.
const mergeLines = 1000

// cover covers every wanted pair of a grid with blocks that take few calls.
//
// The blocks are those of a least vertex cover between people and lists: a line
// of people with all their lists, or a list with all who want it and are in no
// such line. No other choice of whole lines and whole lists takes fewer. Before
// that, lists that may go together for everybody concerned are taken as one, and
// so are people; afterwards blocks take one another in where that is allowed.
// Small grids are searched through.
func (g *grid) cover() []block {
	lines := g.lines()
	blocks, rest := g.fullLines(lines)
	bundles := g.bundles(rest)
	found := g.absorb(g.choose(rest, troops(rest), bundles))
	if better, ok := g.search(rest, g.calls(found)); ok {
		found = better
	}
	return append(blocks, found...)
}

// lines puts people with equal pairs together, in order of first appearance.
func (g *grid) lines() []line {
	wanted := newListSet(g.lists)
	for _, w := range g.want {
		wanted.join(w)
	}
	at := map[string]int{}
	var lines []line
	var key []byte
	for p, want := range g.want {
		if want.empty() {
			continue
		}
		may := g.free[p].clone()
		may.keep(wanted)
		may.join(want)
		key = may.bytes(want.bytes(key[:0]))
		i, known := at[string(key)]
		if !known {
			i = len(lines)
			at[string(key)] = i
			lines = append(lines, line{want: want.clone(), may: may})
		}
		lines[i].people = append(lines[i].people, p)
	}
	return lines
}

// fullLines takes out calls that are full of people with the same pairs: they
// cost one call and save at least one for every list.
func (g *grid) fullLines(lines []line) (full []block, rest []line) {
	for _, l := range lines {
		for len(l.people) >= g.most {
			full = append(full, block{l.want.clone(), l.people[:g.most:g.most]})
			l.people = l.people[g.most:]
		}
		if len(l.people) > 0 {
			rest = append(rest, l)
		}
	}
	return full, rest
}

// bundles puts lists together that everybody who wants one of them may have all
// of, so that they go in one call.
func (g *grid) bundles(lines []line) []listSet {
	sizes := make([]int, g.lists)
	together := make([][]int, g.lists) // lines that want the first and may have the second
	all := make([]int, g.lists)
	for _, l := range lines {
		may := l.may.lists()
		for _, a := range l.want.lists() {
			if together[a] == nil {
				together[a] = make([]int, g.lists)
			}
			all[a]++
			sizes[a] += len(l.people)
			for _, b := range may {
				together[a][b]++
			}
		}
	}
	var order []int
	for a := range all {
		if all[a] > 0 {
			order = append(order, a)
		}
	}
	slices.SortStableFunc(order, func(a, b int) int { return cmp.Compare(sizes[b], sizes[a]) })
	var bundles []listSet
	var members [][]int
	for _, a := range order {
		goes := func(b int) bool { return together[a][b] == all[a] && together[b][a] == all[b] }
		i := slices.IndexFunc(members, func(m []int) bool {
			return len(m) < maxLists && !slices.ContainsFunc(m, func(b int) bool { return !goes(b) })
		})
		if i < 0 {
			i = len(members)
			members = append(members, nil)
			bundles = append(bundles, newListSet(g.lists))
		}
		members[i] = append(members[i], a)
		bundles[i].add(a)
	}
	return bundles
}

// troops puts lines together whose people may all have the lists of all.
func troops(lines []line) []troop {
	order := make([]int, len(lines))
	for i := range order {
		order[i] = i
	}
	slices.SortStableFunc(order, func(a, b int) int { return cmp.Compare(lines[b].want.size(), lines[a].want.size()) })
	var all []troop
	for _, i := range order {
		l := lines[i]
		j := -1
		if len(lines) <= mergeLines {
			j = slices.IndexFunc(all, func(t troop) bool { return l.want.within(t.may, t.may) && t.want.within(l.may, l.may) })
		}
		if j < 0 {
			j = len(all)
			all = append(all, troop{want: l.want.clone(), may: l.may.clone()})
		}
		t := &all[j]
		t.want.join(l.want)
		t.may.keep(l.may)
		t.lines = append(t.lines, i)
		t.people += len(l.people)
	}
	return all
}

// choose covers the pairs with troops and bundles.
func (g *grid) choose(lines []line, troops []troop, bundles []listSet) []block {
	of := make([]int, g.lists) // the bundle of each list
	for b, lists := range bundles {
		for _, l := range lists.lists() {
			of[l] = b
		}
	}
	c := choice{
		grid: g, lines: lines, troops: troops, bundles: make([][]int, len(lines)),
		cost: make([]int, len(troops)), size: make([]int, len(bundles)),
	}
	for i, l := range lines {
		for _, list := range l.want.lists() {
			if !slices.Contains(c.bundles[i], of[list]) {
				c.bundles[i] = append(c.bundles[i], of[list])
			}
		}
		c.move(i, 1)
	}
	edges, prices := make([][]int, len(troops)), make([]int, len(bundles))
	for i, t := range troops {
		c.cost[i] = g.cost(t.people, t.want.size())
		for _, l := range t.lines {
			edges[i] = append(edges[i], c.bundles[l]...)
		}
		slices.Sort(edges[i])
		edges[i] = slices.Compact(edges[i])
	}
	for b := range bundles {
		prices[b] = g.cost(c.size[b], 1)
	}
	c.whole, _ = vertexCover(c.cost, prices, edges)
	c.improve()

	blocks := make([]block, len(bundles), len(bundles)+len(troops))
	for b, lists := range bundles {
		blocks[b].lists = lists.clone()
	}
	for i, t := range troops {
		whole := block{lists: t.want.clone()}
		for _, l := range t.lines {
			if c.whole[i] {
				whole.people = append(whole.people, lines[l].people...)
				continue
			}
			for _, b := range c.bundles[l] {
				blocks[b].people = append(blocks[b].people, lines[l].people...)
			}
		}
		blocks = append(blocks, whole)
	}
	blocks = slices.DeleteFunc(blocks, func(b block) bool { return len(b.people) == 0 })
	for _, b := range blocks {
		slices.Sort(b.people)
	}
	return blocks
}

// choice is which troops go as a whole; the lines of the others go with the
// bundles that they want something of.
type choice struct {
	*grid
	lines   []line
	troops  []troop
	bundles [][]int // of each line
	cost    []int   // of each troop as a whole
	size    []int   // people who go with each bundle
	whole   []bool  // of each troop
}

// move adds a line to its bundles, or takes it off with a sign of -1. It returns
// how many calls more that takes.
func (c *choice) move(line, sign int) (more int) {
	n := sign * len(c.lines[line].people)
	for _, b := range c.bundles[line] {
		more += c.grid.cost(c.size[b]+n, 1) - c.grid.cost(c.size[b], 1)
		c.size[b] += n
	}
	return more
}

func (c *choice) moveTroop(t, sign int) (more int) {
	for _, l := range c.troops[t].lines {
		more += c.move(l, sign)
	}
	return more
}

// improve moves single troops while that saves calls. The vertex cover takes a
// bundle's price for fixed, but it falls with every line that leaves it.
func (c *choice) improve() {
	for i, whole := range c.whole {
		if whole {
			c.moveTroop(i, -1)
		}
	}
	for changed := true; changed; {
		changed = false
		for i, whole := range c.whole {
			sign := -1
			if whole {
				sign = 1
			}
			if c.moveTroop(i, sign)-sign*c.cost[i] < 0 {
				c.whole[i], changed = !whole, true
			} else {
				c.moveTroop(i, -sign)
			}
		}
	}
}

// absorb lets blocks take in the lists of others for their own people, which
// leaves those with fewer people, or with none.
func (g *grid) absorb(blocks []block) []block {
	slices.SortStableFunc(blocks, func(a, b block) int { return cmp.Compare(len(b.people), len(a.people)) })
	in := make([]bool, len(g.want))
	for i := range blocks {
		from := &blocks[i]
		if len(from.people) == 0 {
			continue
		}
		for _, p := range from.people {
			in[p] = true
		}
		for j := range blocks {
			into := &blocks[j]
			if j == i || len(into.people) == 0 || !g.takesIn(into, from, in) {
				continue
			}
			into.lists.join(from.lists)
			for _, p := range into.people {
				in[p] = false
			}
		}
		rest := from.people[:0:0]
		for _, p := range from.people {
			if in[p] {
				rest = append(rest, p)
				in[p] = false
			}
		}
		from.people = rest
	}
	return slices.DeleteFunc(blocks, func(b block) bool { return len(b.people) == 0 })
}

// takesIn reports whether a block may have another's lists too. in says who is
// still on the other.
func (g *grid) takesIn(into, from *block, in []bool) bool {
	saves := false
	for _, p := range into.people {
		// Whoever is not on it has these pairs free, or covered elsewhere.
		if !from.lists.within(g.want[p], g.free[p]) || !g.again && !in[p] && from.lists.meets(g.want[p]) {
			return false
		}
		saves = saves || in[p]
	}
	if !saves {
		return false
	}
	both := into.lists.clone()
	both.join(from.lists)
	return both.size() <= maxLists
}

// maxLists bounds the lists of any call (constantcontact.MaxImportLists and
// MaxMembershipLists).
const maxLists = 50

// cost is how many calls so many people with so many lists take.
func (g *grid) cost(people, lists int) int {
	return ceilDiv(people, g.most) * ceilDiv(lists, maxLists)
}

func (g *grid) calls(blocks []block) (n int) {
	for _, b := range blocks {
		n += g.cost(len(b.people), b.lists.size())
	}
	return n
}

func ceilDiv(a, b int) int { return (a + b - 1) / b }
