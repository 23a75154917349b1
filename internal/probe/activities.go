package probe

import (
	"context"
	"net/http"
	"strings"
)

func (p *probe) emptyColumns(ctx context.Context) []Position {
	const name, asked = "ignore_empty_imports", "import the probe's first contact with an empty job_title"
	end := p.importRows(ctx, p.lists[0], row{"email": p.someone(), "job_title": ""})
	if end.problem != "" {
		return open(name, asked, "%s", end.problem)
	}
	one, err := p.contactByID(ctx, p.ids[p.someone()])
	if err != nil {
		return open(name, asked, "%v", err)
	}
	if one.text("job_title") == "" {
		return found(name, false, asked, "the job title is gone")
	}
	return found(name, true, asked, "the job title is there as before")
}

// taken says what became of one imported row.
func taken(end outcome) string {
	switch {
	case end.counts.number("correctable_count") > 0:
		return "correctable"
	case end.counts.number("error_count") > 0:
		return "error"
	case end.counts.number("cannot_add_to_list_count") > 0:
		return "not added"
	}
	return ""
}

func (p *probe) longAddresses(ctx context.Context) []Position {
	const name, asked = "long_imports_correctable", "import an address of more than 50 characters"
	end := p.importRows(ctx, p.lists[0], row{"email": p.long(), "first_name": "Probe"})
	if end.problem != "" {
		return open(name, asked, "%s", end.problem)
	}
	switch fate := taken(end); fate {
	case "":
		return found(name, false, asked, "it was taken")
	case "correctable":
		return found(name, true, asked, "correctable_count 1")
	default:
		return open(name, asked, "it was counted as %s: neither", fate)
	}
}

func (p *probe) roleAddresses(ctx context.Context) []Position {
	const name, asked = "role_imports", "import an address that begins with info@"
	end := p.importRows(ctx, p.lists[0], row{"email": p.office(), "first_name": "Probe"})
	if end.problem != "" {
		return open(name, asked, "%s", end.problem)
	}
	switch fate := taken(end); fate {
	case "":
		return found(name, "", asked, "it was taken")
	case "correctable", "error":
		return found(name, fate, asked, "%s_count 1", fate)
	default:
		return open(name, asked, "it was counted as %s: neither", fate)
	}
}

// nobody is an id of the vendor's form that nothing has.
const nobody = "00000000-0000-11ea-8000-000000000000"

func (p *probe) unknownList(ctx context.Context) []Position {
	const name, asked = "unknown_list_fails_activity", "import the probe's second contact to a list that does not exist"
	end := p.importRows(ctx, nobody, row{"email": p.someoneElse(), "first_name": "Probe"})
	switch {
	case end.status == http.StatusBadRequest:
		return found(name, false, asked, "answered 400")
	case end.status == http.StatusCreated && end.state == "failed":
		return found(name, true, asked, "answered 201, and the activity failed")
	case end.status == http.StatusCreated && end.state != "":
		return open(name, asked, "answered 201, and the activity is %s: neither", end.state)
	}
	return open(name, asked, "%s", end.problem)
}

func (p *probe) unknownContacts(ctx context.Context) []Position {
	const name, asked = "unknown_ids_are_errors", "put two contacts on the list, one of which does not exist"
	ids := []string{p.ids[p.someoneElse()], nobody}
	end := p.activity(ctx, "/activities/add_list_memberships", object{"source": object{"contact_ids": ids}, "list_ids": []string{p.lists[0]}})
	switch {
	case end.problem != "":
		return open(name, asked, "%s", end.problem)
	case end.counts.number("error_count") > 0:
		return found(name, true, asked, "error_count %d", end.counts.number("error_count"))
	}
	return found(name, false, asked, "no error is counted")
}

// exports looks at a file before and after it is there.
func (p *probe) exports(ctx context.Context) []Position {
	const early, askedEarly = "early_export_400", "read the file of an export at once"
	const headers, askedHeaders = "export_headers_are_fields", "export the probe's list and read the first line"
	status, o, err := p.do(ctx, http.MethodPost, "/activities/contact_exports", object{
		"list_ids": []string{p.lists[0]}, "fields": []string{"email_address", "first_name"},
	})
	file := results(o)
	if err == nil && (status != http.StatusCreated || file == "") {
		err = unexpected("export the list", status, o)
	}
	if err != nil {
		return append(open(early, askedEarly, "%v", err), open(headers, askedHeaders, "%v", err)...)
	}
	var positions []Position
	switch asked, _, _, err := p.send(ctx, http.MethodGet, file, p.UserAgent, nil); {
	case err != nil:
		positions = open(early, askedEarly, "%v", err)
	case asked == http.StatusBadRequest:
		positions = found(early, true, askedEarly, "answered 400")
	case asked == http.StatusNotFound:
		positions = found(early, false, askedEarly, "answered 404")
	case asked == http.StatusOK:
		positions = open(early, askedEarly, "it was there already")
	default:
		positions = open(early, askedEarly, "answered %d", asked)
	}
	end := p.follow(ctx, status, o.text("activity_id"), polls)
	if end.problem != "" {
		return append(positions, open(headers, askedHeaders, "%s", end.problem)...)
	}
	answered, _, raw, err := p.send(ctx, http.MethodGet, file, p.UserAgent, nil)
	if err != nil || answered != http.StatusOK {
		return append(positions, open(headers, askedHeaders, "reading the file was answered %d", answered)...)
	}
	first, _, _ := strings.Cut(strings.TrimPrefix(string(raw), "\ufeff"), "\n")
	switch first = strings.ReplaceAll(strings.TrimSpace(first), `"`, ""); {
	case strings.Contains(first, "email_address"):
		return append(positions, found(headers, true, askedHeaders, "%s", first)...)
	case strings.Contains(strings.ToLower(first), "email address"):
		return append(positions, found(headers, false, askedHeaders, "%s", first)...)
	}
	return append(positions, open(headers, askedHeaders, "the first line names no address")...)
}
