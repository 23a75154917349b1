package sink

// Bounds of search: lines and lists of a grid that is searched through, and the
// steps after which the search gives up.
const (
	searchLines = 6
	searchLists = 8
	searchSteps = 30_000
)

// search looks for a cover with fewer calls than most, trying all that there
// are. It reports false when there is none, or the grid is too large.
func (g *grid) search(lines []line, most int) ([]block, bool) {
	s := &searcher{again: g.again, steps: searchSteps, most: most}
	var used []int
	people := 0
	wanted := newListSet(g.lists)
	for _, l := range lines {
		wanted.join(l.want)
		people += len(l.people)
	}
	// Lists that are alike for everybody are searched as one.
	alike := map[string]int{}
	var columns []listSet
	for _, list := range wanted.lists() {
		key := make([]byte, 0, len(lines))
		for _, l := range lines {
			b := byte(0)
			if l.may.has(list) {
				b = 1
			}
			if l.want.has(list) {
				b = 2
			}
			key = append(key, b)
		}
		i, known := alike[string(key)]
		if !known {
			i = len(columns)
			alike[string(key)] = i
			columns = append(columns, newListSet(g.lists))
			used = append(used, list)
		}
		columns[i].add(list)
	}
	if most < 2 || len(lines) > searchLines || len(columns) > searchLists || people > g.most || wanted.size() > maxLists {
		return nil, false
	}
	for _, l := range lines {
		var want, may uint16
		for i, list := range used {
			if l.want.has(list) {
				want |= 1 << i
			}
			if l.may.has(list) {
				may |= 1 << i
			}
		}
		s.left, s.may = append(s.left, want), append(s.may, may)
	}
	s.wanted = append([]uint16(nil), s.left...)
	s.step()
	blocks := make([]block, len(s.best))
	for i, b := range s.best {
		blocks[i].lists = newListSet(g.lists)
		for c := range columns {
			if b.lists>>c&1 == 1 {
				blocks[i].lists.join(columns[c])
			}
		}
		for n, l := range lines {
			if b.lines>>n&1 == 1 {
				blocks[i].people = append(blocks[i].people, l.people...)
			}
		}
	}
	return blocks, s.best != nil
}

// searcher tries covers of a small grid, of which each line is a mask of lists.
type searcher struct {
	again             bool
	wanted, may, left []uint16 // of each line; left: wanted and not covered yet
	now, best         []mask
	most, steps       int // calls of the best cover; steps left
}

type mask struct{ lines, lists uint16 }

// step covers the first pair that is left with every block that could.
func (s *searcher) step() {
	first := -1
	for i, left := range s.left {
		if left != 0 {
			first = i
			break
		}
	}
	if first < 0 {
		s.best, s.most = append([]mask(nil), s.now...), len(s.now)
		return
	}
	if len(s.now)+1 >= s.most {
		return
	}
	pair := s.left[first] & -s.left[first]
	for lines := range uint16(1) << len(s.left) {
		if lines>>first&1 == 0 {
			continue
		}
		room := ^uint16(0)
		for i := range s.left {
			if lines>>i&1 == 1 {
				room &= s.open(i)
			}
		}
		if room&pair == 0 {
			continue
		}
		// Where pairs may be covered again, all the room is never worse.
		for lists := room; ; lists = (lists - 1) & room {
			if lists&pair != 0 && s.useful(lines, lists) {
				s.try(mask{lines, lists})
			}
			if lists == 0 || s.again || s.steps <= 0 {
				break
			}
		}
	}
}

// open are the lists that a further block may reach a line with.
func (s *searcher) open(line int) uint16 {
	if s.again {
		return s.may[line]
	}
	return s.may[line] &^ (s.wanted[line] &^ s.left[line])
}

// useful reports whether every line of a block has something left in it.
func (s *searcher) useful(lines, lists uint16) bool {
	for i, left := range s.left {
		if lines>>i&1 == 1 && left&lists == 0 {
			return false
		}
	}
	return true
}

func (s *searcher) try(b mask) {
	if s.steps--; s.steps <= 0 {
		return
	}
	before := append([]uint16(nil), s.left...)
	for i := range s.left {
		if b.lines>>i&1 == 1 {
			s.left[i] &^= b.lists
		}
	}
	s.now = append(s.now, b)
	s.step()
	s.now = s.now[:len(s.now)-1]
	copy(s.left, before)
}
