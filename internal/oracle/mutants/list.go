package main

// mutants are the rules that somebody could get wrong, in the order of
// docs/semantics.md.
var mutants = []mutant{
	// Section 2: who should be on a list.
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
	// Section 3: what gates, and what is exact.
	{
		name: "options do not gate",
		file: "mapper/lists.go",
		old:  "case !option[l.Kind], l.State == ListOff:", new: "case !option[l.Kind] && false, l.State == ListOff:",
	},
	{
		name: "unticked group does not gate",
		file: "mapper/lists.go",
		old:  "if !group.Sync {", new: "if !group.Sync && false {",
	},
	{
		name: "other newsletter solution does not gate",
		file: "mapper/lists.go",
		old:  "case !IsConstantContact(in.Options.NewsletterSolution):\n		return ReasonOtherNewsletter", new: "case false:\n		return ReasonOtherNewsletter",
	},
	{
		name: "sync now keeps who is not wanted",
		file: "internal/reconcile/sync.go",
		old:  "store.Queue{Run: run, Exact: []mapper.ListKey{list.Key}, Only:", new: "store.Queue{Run: run, Only:",
	},
	{
		name: "night keeps who is not wanted",
		file: "internal/reconcile/nightly.go",
		old:  "store.Queue{Run: run, Exact: exact, Done: &done}", new: "store.Queue{Run: run, Exact: exact[:0], Done: &done}",
	},
	{
		name: "night makes groups exact too",
		file: "internal/reconcile/nightly.go",
		old:  "wanted := l.Kind == mapper.ListAllActive && o.SyncAllActive ||", new: "wanted := l.Kind == mapper.ListGroup || l.Kind == mapper.ListAllActive && o.SyncAllActive ||",
	},
	{
		name: "change planned before it is visible",
		file: "internal/widen/widen.go",
		old:  "return !visible(snap.Shows, t.XIDs) ||", new: "return !visible(snap.Shows, t.XIDs) && false ||",
		test: "./internal/widen", run: "TestCommitIsNotPlannedBeforeItIsVisible",
	},
	{
		name: "change planned before a stand-by releases it",
		file: "internal/widen/widen.go",
		old:  "return !visible(snap.Shows, t.XIDs) ||", new: "return !visible(snap.Shows, t.XIDs) && false ||",
		test: "./e2e", run: "TestACommitThatAStandbyHolds",
	},
	// Section 4: opt-outs.
	{
		name: "opt-out of another holder ignored",
		file: "mapper/verdict.go",
		old:  "present, s.optedOutRep = true, cmp.Or(s.optedOutRep, rep.ID)", new: "present, s.optedOutRep = len(s.readable) == 1, cmp.Or(s.optedOutRep, rep.ID)",
	},
	{
		name: "opt-out forgotten when the rep is deleted",
		file: "mapper/verdict.go",
		old:  "s.remembered = present || (s.RememberedOptOut || returned) && !lifted", new: "s.remembered = present || (s.RememberedOptOut || returned) && !lifted && false",
	},
	{
		name: "opt-out not recorded",
		file: "internal/store/queue.go",
		old:  "if m.OptOut {", new: "if m.OptOut && false {",
	},
	{
		name: "opt-out lifted by any holder",
		file: "mapper/verdict.go",
		old:  "lifted = lifted || s.SeenOptedOut[rep.ID]", new: "lifted = true",
	},
	{
		name: "opt-out lifted by a rep of the same id",
		file: "internal/deliver/world.go",
		old:  "case s.Gone:", new: "case false:",
		test: "./internal/deliver", run: "TestAnOptOutOutlivesARepOfTheSameID",
	},
	{
		name: "opt-out does not follow to a former address",
		file: "mapper/verdict.go",
		old:  "if s.optedOut || optedIn || s.unreadable != nil {", new: "if s.optedOut || optedIn || true {",
	},
	{
		name: "opt-out of a group ignored",
		file: "mapper/verdict.go",
		old:  "case list.Kind == ListGroup && s.OptOutGroups[GroupID(list.Ref)]:", new: "case false:",
	},
	{
		name: "opt-out removal held by a threshold",
		file: "mapper/guard.go",
		old:  "case op.Approved || op.OptOut:", new: "case op.Approved:",
		test: "./mapper", run: "TestGuardThresholds",
	},
	{
		name: "opt-out waits for an open call",
		file: "internal/deliver/send.go",
		old:  "(!busy || op.OptOut && !overtaken(k.Pairs[op.List]))", new: "!busy",
		test: "./internal/deliver", run: "TestAnOptOutOvertakesAndIsSentAgain",
	},
	{
		name: "overtaking removal counts as done",
		file: "sql/queries/ledger_confirm.sql",
		old:  "set confirmed = not i.again", new: "set confirmed = true",
		test: "./internal/store", run: "TestOvertakingRemovalIsNotTheLastWord",
	},
	{
		name: "who had opted out is held on that list only",
		file: "mapper/plan.go",
		old:  "if pair.Add.OptedOut && pair.Add.blocks() {", new: "if pair.Add.OptedOut && pair.Add.blocks() && false {",
		test: "./internal/deliver", run: "TestADoubtfulOptInIsHeldOnEveryList",
	},
	// Section 5: consent in Constant Contact.
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
		name: "person on hold added",
		file: "mapper/plan.go",
		old:  "	case ContactOnHold:\n		return ReasonOnHold", new: "	case ContactOnHold:\n		return \"\"",
	},
	{
		name: "departure re-added",
		file: "mapper/plan.go",
		old:  "case p.Departed, verdict == On && p.missed() && !asked:", new: "case p.Departed && asked:",
	},
	{
		name: "our own removal taken for a departure",
		file: "mapper/pair.go",
		old:  "return applied && p.Told != ToldRemove && p.Shown == ShownOff", new: "return (applied || p.Told == ToldRemove) && p.Shown == ShownOff",
	},
	{
		name: "unsubscribing taken for a departure",
		file: "mapper/observe.go",
		old:  "	case state.offAllLists():\n", new: "	case false:\n",
	},
	{
		name: "an unsubscribe hides that somebody had left",
		file: "mapper/observe.go",
		old:  "	case left && read.State.offAllLists():\n", new: "	case false:\n",
		test: "./mapper", run: "TestObservePair",
	},
	{
		name: "account read before a renamed type is followed",
		file: "internal/reconcile/lists.go",
		old:  "err := r.followTypes(ctx); err", new: "err := error(nil); err",
		test: "./internal/reconcile", run: "TestAFullReadingFindsALeaverAndARenamedType",
	},
	{
		name: "departure inferred while a call is open",
		file: "mapper/observe.go",
		old:  "if settling(key) {", new: "if settling(key) && on {",
		test: "./mapper", run: "TestObserve",
	},
	{
		name: "departure inferred from an incomplete read",
		file: "internal/reconcile/pull.go",
		old:  "p.takeIn(ctx)); err != nil {\n", new: "p.takeIn(ctx)); err != nil && ctx.Err() != nil {\n",
		test: "./internal/reconcile", run: "TestIncompletePullRemovesNobody",
	},
	{
		name: "nobody read before a removal",
		file: "internal/deliver/people.go",
		old:  "case !b.busy[op.Address] || op.OptOut:", new: "case !b.busy[op.Address] && (op.Kind != mapper.InactivateFromList || !known):",
		test: "./internal/deliver", run: "TestWhoLeftBeforeTheOfficeTookThemOffHasLeft",
	},
	{
		name: "old reading believed before a removal",
		file: "sink/applier.go",
		old:  "			f.leavers(ctx, &step)\n", new: "",
		test: "./internal/deliver", run: "TestPeopleAreReadAgainBeforeALateRemoval",
	},
	{
		name: "rows end the question whether many left",
		file: "mapper/hold.go",
		old:  "if !happened && !follows && (rule", new: "if (!happened || true) && !follows && (rule",
		test: "./internal/deliver", run: "TestManyWhoLeftAreAskedAbout",
	},
	{
		name: "answer whether many left asked for again",
		file: "sql/queries/holds_again.sql",
		old:  "and q.kind not in ('many_left', ", new: "and q.kind not in (",
		test: "./internal/deliver", run: "TestAnAnswerWhetherManyLeftIsNotAskedForTwice",
	},
	{
		name: "contact with another address added again",
		file: "mapper/plan.go",
		old:  "if c.ID != \"\" { // it was there", new: "if c.ID != \"\" && false { // it was there",
	},
	{
		name: "unconfirmed addition not planned again",
		file: "mapper/pair.go",
		old:  "!(p.Told == ToldAdd && p.Confirmed)", new: "p.Told != ToldAdd",
		test: "./mapper", run: "TestStories",
	},
	{
		name: "lost call taken for not applied",
		file: "sink/applier.go",
		old:  "if constantcontact.MayHaveApplied(err) {", new: "if constantcontact.MayHaveApplied(err) && false {",
	},
	{
		name: "sixth import of a day",
		file: "internal/deliver/send.go",
		old:  "max(0, importsADay-len(recent))", new: "max(0, 4*importsADay-len(recent))",
		test: "./internal/deliver", run: "TestTheSixthImportOfADayWaits",
	},
	// Section 6: guards and first contact.
	{
		name: "list that existed used before the first look",
		file: "mapper/lists.go",
		old:  "case l.Unseen:", new: "case l.Unseen && false:",
	},
	{
		name: "who was left behind is removed unasked",
		file: "mapper/adoption.go",
		old:  "	case pair.Shown == ShownOn:\n		kind = HoldLeftBehind", new: "	case pair.Shown == ShownOn && op == AddToList:\n		kind = HoldLeftBehind",
	},
	{
		name: "who may have left is added unasked",
		file: "mapper/adoption.go",
		old:  "case rule.verdict == On && p.Contact.State == ContactActive && !pair.Departed &&", new: "case rule.verdict == Off && p.Contact.State == ContactActive && !pair.Departed &&",
	},
	{
		name: "answer not waited for",
		file: "mapper/hold.go",
		old:  "return h.State == HoldWaiting ||", new: "return h.State == HoldWaiting && h.Kind == HoldManyLeft ||",
	},
	{
		name: "threshold ignored",
		file: "mapper/guard.go",
		old:  "case removal && t.exceeded(losses):", new: "case removal && t.exceeded(losses) && false:",
	},
	{
		name: "removals within the hour forgotten",
		file: "sql/queries/holds_guards.sql",
		old:  "and not i.opt_out and not i.approved)", new: "and not i.opt_out and not i.approved and false)",
	},
	{
		name: "approval used up by a call that does nothing",
		file: "sql/queries/holds_unused.sql",
		old:  "set ended = ''", new: "set ended = p.ended",
		test: "./internal/deliver", run: "TestAnApprovalOutlastsACallThatDoesNothing",
	},
	{
		name: "vanished rows believed",
		file: "mapper/guard.go",
		old:  "case g.Source && removal:", new: "case g.Source && removal && false:",
	},
	{
		name: "row without information used",
		file: "mapper/verdict.go",
		old:  "	case s.unreadable != nil:\n		return ruling{verdict: None", new: "	case false:\n		return ruling{verdict: None",
	},
	// Section 7: everyday cases.
	{
		name: "previous address removed",
		file: "mapper/change.go",
		old:  "r := ruling{verdict: Leave, reason: ReasonAddressReplaced, rep: by.ID}", new: "r := ruling{verdict: Off, reason: ReasonAddressReplaced, rep: by.ID}",
	},
	{
		name: "consent of a previous address forgotten",
		file: "mapper/change.go",
		old:  "	return reason\n}\n\n// movedOn", new: "	return \"\"\n}\n\n// movedOn",
	},
	{
		name: "departure under a previous address forgotten",
		file: "mapper/change.go",
		old:  "if reason == \"\" && previous.Left[list] {", new: "if reason == \"\" && previous.Left[list] && false {",
	},
	{
		name: "departure read with the change of address forgotten",
		file: "internal/deliver/observe.go",
		old:  "if verdict == mapper.Leave && w.passesOn(decision.Address) {", new: "if verdict == mapper.Leave && w.passesOn(decision.Address) && false {",
		test: "./internal/deliver", run: "TestADepartureFollowsToTheNewAddress",
	},
	{
		name: "addresses before the previous one not read",
		file: "internal/deliver/changes.go",
		old:  "if had != address {", new: "if had != address && false {",
		test: "./internal/deliver", run: "TestAnUnsubscribeFurtherUpTheChainFollows",
	},
	{
		name: "lists of a previous address not carried over",
		file: "internal/deliver/changes.go",
		old:  "carried[mapper.UnmanagedKey(id)] = true", new: "carried[mapper.UnmanagedKey(id)] = false; delete(carried, mapper.UnmanagedKey(id))",
	},
	{
		name: "address that somebody still has passes lists on",
		file: "internal/deliver/changes.go",
		old:  "if len(w.people[from].Holders) > 0 {", new: "if len(w.people[from].Holders) > 9 {",
		test: "./internal/deliver", run: "TestEmailChangeCarriesNothingWhileSomebodyHasTheAddress",
	},
	{
		name: "renamed group gets no other name",
		file: "internal/reconcile/lists.go",
		old:  "follows := l.Kind == mapper.ListGroup ||", new: "follows := l.Kind == mapper.ListGroup && false ||",
	},
	{
		name: "list of a renamed type not retired in time",
		file: "internal/deliver/deliver.go",
		old:  "if len(out.States) == 0 {", new: "if len(out.States) == 0 || true {",
		test: "./internal/reconcile", run: "TestTheListOfATypeThatWasRenamedIsRetired",
	},
	{
		name: "list of a renamed type not retired for somebody new",
		file: "internal/deliver/deliver.go",
		old:  "slices.ContainsFunc(out.Lists, newType) {", new: "slices.ContainsFunc(out.Lists, newType) && false {",
		test: "./internal/reconcile", run: "TestATypeThatWasRenamedIsMetRepByRep",
	},
}
