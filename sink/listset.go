package sink

import "math/bits"

// listSet is a set of lists, each by its place in the planner's order. Sets of
// one plan have the same length.
type listSet []uint64

func newListSet(lists int) listSet { return make(listSet, (lists+63)/64) }

func (s listSet) add(list int)      { s[list/64] |= 1 << (list % 64) }
func (s listSet) has(list int) bool { return s[list/64]&(1<<(list%64)) != 0 }

func (s listSet) empty() bool {
	for _, w := range s {
		if w != 0 {
			return false
		}
	}
	return true
}

func (s listSet) size() (n int) {
	for _, w := range s {
		n += bits.OnesCount64(w)
	}
	return n
}

// within reports whether every list of s is in one of the others.
func (s listSet) within(one, other listSet) bool {
	for i, w := range s {
		if w&^(one[i]|other[i]) != 0 {
			return false
		}
	}
	return true
}

func (s listSet) meets(other listSet) bool {
	for i, w := range s {
		if w&other[i] != 0 {
			return true
		}
	}
	return false
}

func (s listSet) join(other listSet) {
	for i, w := range other {
		s[i] |= w
	}
}

func (s listSet) keep(other listSet) {
	for i, w := range other {
		s[i] &= w
	}
}

func (s listSet) drop(other listSet) {
	for i, w := range other {
		s[i] &^= w
	}
}

func (s listSet) clone() listSet { return append(listSet(nil), s...) }

// lists are the members, ascending.
func (s listSet) lists() []int {
	all := make([]int, 0, s.size())
	for i, w := range s {
		for ; w != 0; w &= w - 1 {
			all = append(all, i*64+bits.TrailingZeros64(w))
		}
	}
	return all
}

// bytes is the set as a key of a map.
func (s listSet) bytes(key []byte) []byte {
	for _, w := range s {
		for range 8 {
			key = append(key, byte(w))
			w >>= 8
		}
	}
	return key
}
