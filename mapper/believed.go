package mapper

// BelievedOn reports whether the pair counts as being on its list: shown there,
// or told and not known to be otherwise.
func (p Pair) BelievedOn() bool { return p.believedOn() }
