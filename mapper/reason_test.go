package mapper

import (
	"go/ast"
	"go/parser"
	"go/token"
	"slices"
	"strconv"
	"strings"
	"testing"
)

// The codes of docs/semantics.md, section 9, as they stand there; those for the
// chain of previous addresses written out.
const codesInOrder = `
unsubscribed_in_constant_contact deleted_in_constant_contact on_hold_in_constant_contact awaiting_confirmation
no_permission_recorded address_changed_in_constant_contact left_list_in_constant_contact refused_by_constant_contact
opted_out_in_database opted_out_of_group not_mailable previous_address_unsubscribed
previous_address_deleted previous_address_on_hold previous_address_left_list
no_email invalid_email email_too_long
other_newsletter_solution not_connected other_account option_off group_not_synced list_missing list_ambiguous
list_retired source_unreadable too_many_lists account_list_limit
rep_inactive member_not_active other_type not_in_group disabled_in_group address_replaced not_in_database foreign_kept
waiting_approval waiting_activity waiting_rate waiting_daily_budget waiting_address_limit waiting_consent_read`

func TestReasonsAreThoseOfTheSpecification(t *testing.T) {
	var want []Reason
	for _, code := range strings.Fields(codesInOrder) {
		want = append(want, Reason(code))
	}
	if got := Reasons(); !slices.Equal(got, want) {
		t.Errorf("Reasons() = %q, want %q", got, want)
	}
}

// TestEveryReasonHasASentence reads the constants from the source, so that a
// new one cannot be left out of the table.
func TestEveryReasonHasASentence(t *testing.T) {
	file, err := parser.ParseFile(token.NewFileSet(), "reason.go", nil, 0)
	if err != nil {
		t.Fatal(err)
	}
	constants := 0
	texts, changes := map[string]Reason{}, map[string]Reason{}
	ast.Inspect(file, func(n ast.Node) bool {
		spec, ok := n.(*ast.ValueSpec)
		if !ok || len(spec.Values) != 1 {
			return true
		}
		literal, ok := spec.Values[0].(*ast.BasicLit)
		if !ok {
			return true
		}
		constants++
		code, err := strconv.Unquote(literal.Value)
		if err != nil {
			t.Fatal(err)
		}
		text, change := Reason(code).Text(), Reason(code).Change()
		for _, sentence := range []string{text, change} {
			if !strings.HasSuffix(sentence, ".") || strings.Contains(sentence, "%") {
				t.Errorf("%s: %q is no sentence", spec.Names[0].Name, sentence)
			}
		}
		if other, ok := changes[change]; ok {
			t.Errorf("%s is changed by what changes %s", code, other)
		}
		changes[change] = Reason(code)
		if other, ok := texts[text]; ok {
			t.Errorf("%s has the sentence of %s", code, other)
		}
		texts[text] = Reason(code)
		return true
	})
	if constants != len(Reasons()) {
		t.Errorf("%d constants, %d reasons in the table", constants, len(Reasons()))
	}
}

func TestReasonPrecedence(t *testing.T) {
	all := Reasons()
	shuffled := slices.Clone(all)
	slices.Reverse(shuffled)
	slices.SortFunc(shuffled, Reason.Compare)
	if !slices.Equal(shuffled, all) {
		t.Errorf("sorted by precedence: %q", shuffled)
	}
	if got := firstReason("", ReasonDisabledInGroup, "", ReasonUnsubscribed, ReasonOptedOut); got != ReasonUnsubscribed {
		t.Errorf("first reason = %q", got)
	}
	if got := firstReason("", ""); got != "" {
		t.Errorf("first of no reasons = %q", got)
	}
	for _, code := range []Reason{"", "of_a_later_version"} {
		if code.Text() == "" && code.Change() == "" {
			continue
		}
		t.Error("a code without a sentence has one")
	}
}
