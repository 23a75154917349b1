package probe

import (
	"context"
	"net/http"
	"strings"
)

func (p *probe) listNames(ctx context.Context) []Position {
	const name, asked = "list_names_case_sensitive", "make a second list whose name differs from the probe's in capitals only"
	status, o, err := p.makeList(ctx, strings.ToUpper(p.report.List))
	switch {
	case err != nil:
		return open(name, asked, "%v", err)
	case status == http.StatusConflict:
		return found(name, false, asked, "answered 409 %s", o.key())
	case status == http.StatusCreated:
		return found(name, true, asked, "it was made")
	}
	return open(name, asked, "answered %d %s", status, o.key())
}

// fieldLabel is the label of the probe's custom field.
func (p *probe) fieldLabel() string { return "Probe " + p.Suffix }

func (p *probe) fieldNames(ctx context.Context) []Position {
	const name, asked = "field_label_moves_name", "make a custom field and give it another label"
	status, o, err := p.do(ctx, http.MethodPost, "/contact_custom_fields", object{"label": p.fieldLabel(), "type": "string"})
	id, before := o.text("custom_field_id"), o.text("name")
	if err == nil && (status != http.StatusCreated || id == "") {
		err = unexpected("make a custom field", status, o)
	}
	if err != nil {
		return open(name, asked, "%v", err)
	}
	p.field = id
	status, o, err = p.do(ctx, http.MethodPut, "/contact_custom_fields/"+id, object{"label": p.fieldLabel() + " too", "type": "string"})
	if err == nil && status != http.StatusOK {
		err = unexpected("give it another label", status, o)
	}
	if err == nil {
		status, o, err = p.do(ctx, http.MethodGet, "/contact_custom_fields/"+id, nil)
	}
	after := o.text("name")
	switch {
	case err != nil:
		return open(name, asked, "%v", err)
	case status != http.StatusOK || after == "":
		return open(name, asked, "reading it was answered %d %s", status, o.key())
	}
	return found(name, after != before, asked, "its name was %s and is %s", before, after)
}

// beyond are the positions that a probe cannot find out without doing what it
// must not do.
var beyond = []Position{
	{Switch: "put_ignores_unsubscribed", Asked: "nothing", Seen: "Rollcall never sends lists with a PUT"},
	{Switch: "record_unsubscribed_adds", Asked: "nothing", Seen: "nobody who unsubscribed is put on a list, not even in a probe"},
	{Switch: "deleted_stay_deleted", Asked: "nothing", Seen: "nobody who was deleted is imported, not even in a probe"},
	{Switch: "throttled_calls_are_free", Asked: "nothing", Seen: "it would take more than four calls in a second, and the rest of the day's"},
	{Switch: "enforce_abuse_guard", Asked: "nothing", Seen: "it would take what the vendor calls abuse"},
	{Switch: "confirmed_opt_in_pends_posts", Asked: "nothing", Seen: "a contact that is posted might be sent a mail"},
	{Switch: "refresh_grace_seconds", Asked: "nothing", Seen: "an ended refresh token could end the connection"},
	{Switch: "reuse_keeps_grant", Asked: "nothing", Seen: "an ended refresh token could end the connection"},
	{Switch: "refresh_repeats_refresh_token", Asked: "nothing", Seen: "a refresh before its time is not worth the risk; Rollcall takes both"},
	{Switch: "secret_excludes_pkce", Asked: "nothing", Seen: "it takes a person who connects the account; Rollcall tries both"},
	{Switch: "okta_errors", Asked: "nothing", Seen: "it takes a refresh that fails; Rollcall reads both forms"},
}
