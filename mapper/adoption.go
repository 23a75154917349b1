package mapper

// look finds what a person is asked about a pair of a list that existed before
// us (docs/semantics.md, section 6): who is on it and not wanted there was left
// behind or is foreign, and who is wanted and not on it may have left. Nobody is
// asked about people who opted out, and those who are known to have left.
func (p *planner) look(t *target, pair Pair, rule ruling) {
	var kind HoldKind
	op := InactivateFromList
	switch {
	case rule.optOut:
		return
	case pair.Shown == ShownOn && rule.verdict == On:
		return
	case pair.Shown == ShownOn && p.stranger():
		kind = HoldForeign
	case pair.Shown == ShownOn:
		kind = HoldLeftBehind
	case rule.verdict == On && p.Contact.State == ContactActive && !pair.Departed && p.OldAccount == "":
		kind, op = HoldMayHaveLeft, AddToList
	default:
		return
	}
	p.out.FirstLook = append(p.out.FirstLook, Question{
		PairOp: PairOp{Address: p.Address, List: t.Key, Kind: op},
		Hold:   Hold{Kind: kind, State: HoldWaiting, Verdict: rule.verdict},
		Reason: rule.reason, Rep: rule.rep,
	})
}
