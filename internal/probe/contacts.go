package probe

import (
	"context"
	"net/http"
	"net/url"
	"strings"
	"time"
)

// enough is how many unsubscribed contacts have to be on no list before that is
// taken for a rule.
const enough = 5

// goAgent is how Go's own client names itself.
const goAgent = "Go-http-client/1.1"

func (p *probe) libraryAgent(ctx context.Context) []Position {
	const name, asked = "any_user_agent", "read one list as " + goAgent
	status, _, raw, err := p.send(ctx, http.MethodGet, "/contact_lists?limit=1", goAgent, nil)
	switch {
	case err != nil:
		return open(name, asked, "%v", err)
	case status == http.StatusForbidden:
		return found(name, false, asked, "answered 403")
	case status == http.StatusOK:
		return found(name, true, asked, "answered 200")
	}
	return open(name, asked, "answered %d %s", status, decode(raw).key())
}

// count counts the contacts of a status; "" leaves the status out.
func (p *probe) count(ctx context.Context, status string) (int, error) {
	q := url.Values{"limit": {"1"}, "include_count": {"true"}}
	if status != "" {
		q.Set("status", status)
	}
	answered, o, err := p.do(ctx, http.MethodGet, "/contacts?"+q.Encode(), nil)
	if _, counted := o["contacts_count"]; err == nil && (answered != http.StatusOK || !counted) {
		err = unexpected("count contacts", answered, o)
	}
	return o.number("contacts_count"), err
}

func (p *probe) defaultStatus(ctx context.Context) []Position {
	const name, asked = "default_status_active", "count contacts without a status, that are active, and that are not deleted"
	var counts [3]int
	for i, status := range []string{"", "active", "active,unsubscribed,temp_hold,pending_confirmation,not_set"} {
		n, err := p.count(ctx, status)
		if err != nil {
			return open(name, asked, "%v", err)
		}
		counts[i] = n
	}
	switch without, active, living := counts[0], counts[1], counts[2]; {
	case active == living:
		return open(name, asked, "all %d contacts that are not deleted are active", living)
	case without == active:
		return found(name, true, asked, "%d, %d and %d", without, active, living)
	case without == living:
		return found(name, false, asked, "%d, %d and %d", without, active, living)
	}
	return open(name, asked, "%d, %d and %d: neither", counts[0], counts[1], counts[2])
}

func (p *probe) deletedByID(ctx context.Context) []Position {
	const name, asked = "deleted_contact_by_id_404", "read a contact by id that the office deleted before"
	status, o, err := p.do(ctx, http.MethodGet, "/contacts?status=deleted&limit=1", nil)
	if err != nil {
		return open(name, asked, "%v", err)
	}
	deleted := o.objects("contacts")
	if status != http.StatusOK || len(deleted) == 0 {
		return open(name, asked, "the account has no deleted contact")
	}
	status, o, err = p.do(ctx, http.MethodGet, "/contacts/"+deleted[0].text("contact_id"), nil)
	switch {
	case err != nil:
		return open(name, asked, "%v", err)
	case status == http.StatusNotFound:
		return found(name, true, asked, "answered 404")
	case status == http.StatusOK && o.text("deleted_at") != "":
		return found(name, false, asked, "answered 200 with deleted_at")
	}
	return open(name, asked, "answered %d %s", status, o.key())
}

func (p *probe) unsubscribedLists(ctx context.Context) []Position {
	const name, asked = "unsubscribed_keep_lists", "read up to 500 contacts that are unsubscribed, with their lists"
	status, o, err := p.do(ctx, http.MethodGet, "/contacts?status=unsubscribed&include=list_memberships&limit=500", nil)
	if err == nil && status != http.StatusOK {
		err = unexpected("read contacts", status, o)
	}
	if err != nil {
		return open(name, asked, "%v", err)
	}
	all, onLists := o.objects("contacts"), 0
	for _, c := range all {
		if lists, _ := c["list_memberships"].([]any); len(lists) > 0 {
			onLists++
		}
	}
	switch {
	case onLists > 0:
		return found(name, true, asked, "%d of %d are on lists", onLists, len(all))
	case len(all) >= enough:
		return found(name, false, asked, "none of %d is on a list", len(all))
	}
	return open(name, asked, "there are %d: too few to say", len(all))
}

func (p *probe) cursors(ctx context.Context) []Position {
	const name, asked = "cursor_drops_include", "read the probe's two contacts with their lists, one on a page"
	status, o, err := p.do(ctx, http.MethodGet, "/contacts?"+url.Values{
		"lists": {p.lists[0]}, "status": {"all"}, "include": {"list_memberships"}, "limit": {"1"},
	}.Encode(), nil)
	if err == nil && status != http.StatusOK {
		err = unexpected("read the first page", status, o)
	}
	if err != nil {
		return open(name, asked, "%v", err)
	}
	links, _ := o["_links"].(map[string]any)
	next, _ := links["next"].(map[string]any)
	href := object(next).text("href")
	if !strings.HasPrefix(href, "/") {
		return open(name, asked, "the first page has no link to a second on this host")
	}
	status, o, err = p.do(ctx, http.MethodGet, href, nil)
	second := o.objects("contacts")
	if err != nil || status != http.StatusOK || len(second) == 0 {
		return open(name, asked, "the second page was answered %d with %d contacts", status, len(second))
	}
	if _, with := second[0]["list_memberships"]; with {
		return found(name, false, asked, "the second page has the lists")
	}
	return found(name, true, asked, "the second page has no list_memberships")
}

func (p *probe) unsetScalars(ctx context.Context) []Position {
	const name, asked = "unset_scalars_are_null", "read a contact that has no job title"
	one, err := p.contactByID(ctx, p.ids[p.someoneElse()])
	if err != nil {
		return open(name, asked, "%v", err)
	}
	title, there := one["job_title"]
	switch {
	case !there:
		return found(name, false, asked, "job_title is absent")
	case title == nil:
		return found(name, true, asked, "job_title is null")
	}
	return open(name, asked, "job_title is there and not null")
}

func (p *probe) conflicts(ctx context.Context) []Position {
	const name, asked = "conflict_form", "post a contact with the address of the probe's first"
	status, o, err := p.do(ctx, http.MethodPost, "/contacts", object{
		"email_address": object{"address": p.someone(), "permission_to_send": "implicit"}, "create_source": "Account",
	})
	text := o.text("error_message")
	switch {
	case err != nil:
		return open(name, asked, "%v", err)
	case status != http.StatusConflict:
		return open(name, asked, "answered %d %s", status, o.key())
	case !strings.Contains(text, p.ids[p.someone()]):
		return found(name, "no_id", asked, "409 without the id of the other contact")
	case strings.HasPrefix(text, "Validation failed: "):
		return found(name, "", asked, `409 that begins with "Validation failed: " and has the id`)
	}
	return found(name, "bare", asked, `409 with the id and without "Validation failed: "`)
}

// put changes the probe's first contact, with all of it that a PUT would
// otherwise take away.
func (p *probe) put(ctx context.Context, change object) (status int, after object, err error) {
	body := object{"first_name": "Probe", "job_title": "Probe", "update_source": "Account"}
	for name, value := range change {
		body[name] = value
	}
	status, o, err := p.do(ctx, http.MethodPut, "/contacts/"+p.ids[p.someone()], body)
	if err != nil || status != http.StatusOK {
		return status, o, err
	}
	after, err = p.contactByID(ctx, p.ids[p.someone()])
	return status, after, err
}

func email(o object) object {
	e, _ := o["email_address"].(map[string]any)
	return e
}

func (p *probe) putWithoutPermission(ctx context.Context) []Position {
	const name, asked = "put_without_permission_resets", "PUT of the probe's contact with its address and without permission_to_send"
	status, after, err := p.put(ctx, object{"email_address": object{"address": p.someone()}})
	switch permission := email(after).text("permission_to_send"); {
	case err != nil:
		return open(name, asked, "%v", err)
	case status != http.StatusOK:
		return open(name, asked, "answered %d %s", status, after.key())
	case permission == "implicit":
		return found(name, false, asked, "it is implicit as before")
	default:
		return found(name, true, asked, "it became %q", permission)
	}
}

func (p *probe) putWithoutEmail(ctx context.Context) []Position {
	const name, asked = "put_without_email_drops", "PUT of the probe's contact without email_address"
	status, after, err := p.put(ctx, nil)
	switch {
	case err != nil:
		return open(name, asked, "%v", err)
	case status != http.StatusOK:
		return open(name, asked, "answered %d %s", status, after.key())
	case email(after).text("address") == p.someone():
		return found(name, false, asked, "the address is there as before")
	}
	return found(name, true, asked, "the address is gone")
}

func (p *probe) memberships(ctx context.Context) []Position {
	const name, asked = "membership_moves_updated_at", "take the probe's second contact off the list and put it back, and read its updated_at"
	id := p.ids[p.someoneElse()]
	before, err := p.contactByID(ctx, id)
	if err != nil {
		return open(name, asked, "%v", err)
	}
	// Times have seconds.
	if err := p.Pause(ctx, 2*time.Second); err != nil {
		return open(name, asked, "%v", err)
	}
	for _, path := range []string{"/activities/remove_list_memberships", "/activities/add_list_memberships"} {
		end := p.activity(ctx, path, object{"source": object{"contact_ids": []string{id}}, "list_ids": []string{p.lists[0]}})
		if end.problem != "" {
			return open(name, asked, "%s", end.problem)
		}
	}
	after, err := p.contactByID(ctx, id)
	if err != nil {
		return open(name, asked, "%v", err)
	}
	if after.text("updated_at") == before.text("updated_at") {
		return found(name, false, asked, "it stayed")
	}
	return found(name, true, asked, "it moved")
}
