package main

// mutants are the rules that somebody could get wrong, in the order of
// docs/semantics.md.
var mutants = []mutant{
	{
		name: "inactive rep counts as active",
		file: "mapper/verdict.go",
		old:  "case !r.Active:", new: "case false:",
	},
	{
		name: "courtesy member does not count as active",
		file: "mapper/verdict.go",
		old:  `!strings.EqualFold(r.MemberStatus, "courtesy")`, new: "true",
	},
	{
		name: "disabled membership row ignored",
		file: "mapper/verdict.go",
		old:  "if disabled {", new: "if disabled && false {",
	},
	{
		name: "rep removed from a group is taken off",
		file: "mapper/verdict.go",
		old:  "list.Kind == ListGroup && policy.RemoveOnMissingRow && !s.stranger()", new: "list.Kind == ListGroup && !s.stranger()",
	},
	{
		name: "previous address removed",
		file: "mapper/change.go",
		old:  "r := ruling{verdict: Leave, reason: ReasonAddressReplaced, rep: by.ID}", new: "r := ruling{verdict: Off, reason: ReasonAddressReplaced, rep: by.ID}",
	},
	{
		name: "opt-out of another holder ignored",
		file: "mapper/verdict.go",
		old:  "present, s.optedOutRep = true, cmp.Or(s.optedOutRep, rep.ID)", new: "present, s.optedOutRep = len(s.readable) == 1, cmp.Or(s.optedOutRep, rep.ID)",
	},
	{
		name: "opt-out forgotten when the rep is deleted",
		file: "mapper/verdict.go",
		old:  "s.remembered = present || s.RememberedOptOut && !lifted", new: "s.remembered = present || s.RememberedOptOut && !lifted && len(s.Holders) == 0",
	},
	{
		name: "opt-out lifted by any holder",
		file: "mapper/verdict.go",
		old:  "lifted = lifted || s.SeenOptedOut[rep.ID]", new: "lifted = true",
	},
	{
		name: "opt-out does not follow to a former address",
		file: "mapper/verdict.go",
		old:  "if s.optedOut || optedIn || s.unreadable != nil {", new: "if optedIn || true {",
	},
	{
		name: "opt-out of a group ignored",
		file: "mapper/verdict.go",
		old:  "case list.Kind == ListGroup && s.OptOutGroups[GroupID(list.Ref)]:", new: "case false:",
	},
	{
		name: "row without information used",
		file: "mapper/verdict.go",
		old:  "	case s.unreadable != nil:\n		return ruling{verdict: None", new: "	case false:\n		return ruling{verdict: None",
	},
	{
		name: "person on hold added",
		file: "mapper/plan.go",
		old:  "	case ContactOnHold:\n		return ReasonOnHold", new: "	case ContactOnHold:\n		return \"\"",
	},
	{
		name: "unsubscribed person added",
		file: "mapper/plan.go",
		old:  "	case ContactUnsubscribed:\n		return ReasonUnsubscribed", new: "	case ContactUnsubscribed:\n		return \"\"",
	},
	{
		name: "deleted person revived",
		file: "mapper/plan.go",
		old:  "	case ContactDeleted:\n		return ReasonDeleted", new: "	case ContactDeleted:\n		return \"\"",
	},
	{
		name: "departure re-added",
		file: "mapper/plan.go",
		old:  "case p.Departed, verdict == On && p.missed() && !asked:", new: "case false && asked:",
	},
	{
		name: "changed address added again",
		file: "mapper/plan.go",
		old:  "if c.ID != \"\" { // it was there", new: "if false { // it was there",
	},
	{
		name: "unconfirmed addition not taken off",
		file: "mapper/pair.go",
		old:  "return !p.Confirmed || p.Shown != ShownOff", new: "return p.Confirmed && p.Shown != ShownOff",
	},
	{
		name: "unconfirmed addition not planned again",
		file: "mapper/pair.go",
		old:  "!(p.Told == ToldAdd && p.Confirmed)", new: "p.Told != ToldAdd",
	},
	{
		name: "our own removal taken for a departure",
		file: "mapper/pair.go",
		old:  "return applied && p.Told != ToldRemove && p.Shown == ShownOff", new: "return (applied || p.Told == ToldRemove) && p.Shown == ShownOff",
	},
	{
		name: "departure inferred while a call is open",
		file: "mapper/observe.go",
		old:  "if settling(key) {", new: "if false {",
	},
	{
		name: "unsubscribing taken for a departure",
		file: "mapper/observe.go",
		old:  "	case state == ContactUnsubscribed || state == ContactDeleted:\n", new: "	case false:\n",
	},
	{
		name: "options do not gate",
		file: "mapper/lists.go",
		old:  "case !option[l.Kind]:", new: "case !option[l.Kind] && false:",
	},
	{
		name: "unticked group does not gate",
		file: "mapper/lists.go",
		old:  "if !group.Sync {", new: "if false {",
	},
	{
		name: "other newsletter solution does not gate",
		file: "mapper/lists.go",
		old:  "case !IsConstantContact(in.Options.NewsletterSolution):\n		return ReasonOtherNewsletter", new: "case false:\n		return ReasonOtherNewsletter",
	},
	{
		name: "opt-out waits for an open call",
		file: "internal/deliver/send.go",
		old:  "(!busy || op.OptOut && !overtaken(k.Pairs[op.List]))", new: "!busy",
	},
	{
		name: "people with an open call are sent more",
		file: "internal/deliver/send.go",
		old:  "case busy || !read:", new: "case !read:",
	},
	{
		name: "overtaking removal counts as done",
		file: "sql/queries/ledger_confirm.sql",
		old:  "set confirmed = not i.again", new: "set confirmed = true",
	},
	{
		name: "sixth import of a day",
		file: "internal/deliver/send.go",
		old:  "item.Rows = max(0, importsADay-len(recent))", new: "item.Rows = importsADay",
	},
	{
		name: "lost call taken for not applied",
		file: "sink/applier.go",
		old:  "if constantcontact.MayHaveApplied(err) {", new: "if false {",
	},
	{
		name: "list of everybody not wanted kept by sync now",
		file: "mapper/plan.go",
		old:  "pair.Remove.State == HoldApproved || p.Exact[t.Key] && !p.keepsForeign(t, pair)", new: "pair.Remove.State == HoldApproved",
	},
}
