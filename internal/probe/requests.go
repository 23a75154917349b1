package probe

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strings"
	"time"
)

// most bounds what is read of an answer.
const most = 8 << 20

// object is a JSON object of an answer.
type object map[string]any

func (o object) text(name string) string {
	text, _ := o[name].(string)
	return text
}

func (o object) number(name string) int {
	n, _ := o[name].(float64)
	return int(n)
}

func (o object) objects(name string) (all []object) {
	raw, _ := o[name].([]any)
	for _, one := range raw {
		if m, ok := one.(map[string]any); ok {
			all = append(all, m)
		}
	}
	return all
}

// key is the error_key of an answer, which names no person.
func (o object) key() string { return o.text("error_key") }

// errAnswer is an answer that a check did not reckon with.
var errAnswer = errors.New("the answer is not what was asked for")

func unexpected(what string, status int, o object) error {
	return fmt.Errorf("%s: %w: %d %s", what, errAnswer, status, o.key())
}

// tries are how often a request is sent that was refused for now.
const tries = 4

// do sends a request. An error in the form of an array is its first object. What
// is refused for now, or fails and changes nothing, is sent again.
func (p *probe) do(ctx context.Context, method, path string, body any) (status int, o object, err error) {
	for try := 1; ; try++ {
		status, _, raw, err := p.send(ctx, method, path, p.UserAgent, body)
		again := status == http.StatusTooManyRequests || method == http.MethodGet && (err != nil || status >= 500)
		if again && try < tries && ctx.Err() == nil {
			if err := p.Pause(ctx, time.Duration(try)*time.Second); err != nil {
				return 0, nil, err
			}
			continue
		}
		return status, decode(raw), err
	}
}

func decode(raw []byte) object {
	var o object
	if json.Unmarshal(raw, &o) == nil {
		return o
	}
	var all []object
	if json.Unmarshal(raw, &all) == nil && len(all) > 0 {
		return all[0]
	}
	return object{}
}

func (p *probe) send(ctx context.Context, method, path, agent string, body any) (status int, kind string, raw []byte, err error) {
	token, err := p.Token(ctx)
	if err != nil {
		return 0, "", nil, err
	}
	if err := p.Wait(ctx); err != nil {
		return 0, "", nil, err
	}
	var sent io.Reader
	if body != nil {
		encoded, err := json.Marshal(body)
		if err != nil {
			return 0, "", nil, err
		}
		sent = bytes.NewReader(encoded)
	}
	r, err := http.NewRequestWithContext(ctx, method, p.target(path), sent)
	if err != nil {
		return 0, "", nil, fmt.Errorf("make request %s: its URL is wrong", method)
	}
	r.Header.Set("User-Agent", agent)
	r.Header.Set("Authorization", "Bearer "+token)
	r.Header.Set("Accept", "application/json, text/csv")
	if body != nil {
		r.Header.Set("Content-Type", "application/json")
	}
	answer, err := p.HTTP.Do(r)
	if err != nil {
		return 0, "", nil, fmt.Errorf("%s: no answer: %w", method, withoutURL(err))
	}
	defer answer.Body.Close()
	raw, err = io.ReadAll(io.LimitReader(answer.Body, most))
	return answer.StatusCode, answer.Header.Get("Content-Type"), raw, err
}

// withoutURL takes off the layer whose text has the URL, and with it the query.
func withoutURL(err error) error {
	if u, ok := errors.AsType[*url.Error](err); ok {
		return u.Err
	}
	return err
}

// target is a path below the base URL, or one that an answer named, which begins
// with the base URL's path.
func (p *probe) target(path string) string {
	base, err := url.Parse(p.BaseURL)
	if err != nil {
		return p.BaseURL + path
	}
	if prefix := strings.TrimSuffix(base.Path, "/"); prefix != "" && strings.HasPrefix(path, prefix+"/") {
		return base.Scheme + "://" + base.Host + path
	}
	return strings.TrimSuffix(p.BaseURL, "/") + path
}

// makeList makes a list, and remembers it when it was made.
func (p *probe) makeList(ctx context.Context, name string) (status int, o object, err error) {
	status, o, err = p.do(ctx, http.MethodPost, "/contact_lists", object{"name": name, "description": "made by rollcall probe, to be deleted"})
	if id := o.text("list_id"); err == nil && status == http.StatusCreated && id != "" {
		p.lists = append(p.lists, id)
	}
	return status, o, err
}

// contact reads a contact of ours in whatever state.
func (p *probe) contact(ctx context.Context, address, include string) (object, error) {
	q := url.Values{"email": {address}, "status": {"all"}, "include": {include}}
	status, o, err := p.do(ctx, http.MethodGet, "/contacts?"+q.Encode(), nil)
	if err != nil {
		return nil, err
	}
	contacts := o.objects("contacts")
	if status != http.StatusOK || len(contacts) != 1 {
		return nil, unexpected("read a contact by its address", status, o)
	}
	return contacts[0], nil
}

// contactByID reads a contact of ours with everything.
func (p *probe) contactByID(ctx context.Context, id string) (object, error) {
	status, o, err := p.do(ctx, http.MethodGet, "/contacts/"+id+"?include=custom_fields,list_memberships,phone_numbers,street_addresses,taggings,notes", nil)
	if err == nil && status != http.StatusOK {
		err = unexpected("read a contact", status, o)
	}
	return o, err
}

type row map[string]any

// outcome is what became of an activity. A problem is why there is none.
type outcome struct {
	status  int // of the request
	state   string
	counts  object
	results string // path of its file, of an export
	problem string
}

func (p *probe) importRows(ctx context.Context, list string, rows ...row) outcome {
	return p.activity(ctx, "/activities/contacts_json_import", object{"import_data": rows, "list_ids": []string{list}})
}

// The polls of an activity: a second apart at first, half a minute in the end,
// for a quarter of an hour; for a minute in the end of all.
const (
	firstPoll  = time.Second
	lastPoll   = 30 * time.Second
	polls      = 34
	finalPolls = 6
)

// activity asks for an activity and waits for its end.
func (p *probe) activity(ctx context.Context, path string, body object) outcome {
	status, o, err := p.do(ctx, http.MethodPost, path, body)
	switch {
	case err != nil:
		return outcome{problem: err.Error()}
	case status != http.StatusCreated && status != http.StatusAccepted:
		return outcome{status: status, problem: unexpected("ask for an activity", status, o).Error()}
	}
	return p.follow(ctx, status, o.text("activity_id"), polls)
}

// follow waits for the end of an activity.
func (p *probe) follow(ctx context.Context, status int, id string, polls int) outcome {
	pause := firstPoll
	for range polls {
		if err := p.Pause(ctx, pause); err != nil {
			return outcome{status: status, problem: err.Error()}
		}
		pause = min(2*pause, lastPoll)
		answered, o, err := p.do(ctx, http.MethodGet, "/activities/"+id, nil)
		if err != nil || answered != http.StatusOK {
			continue
		}
		switch state := o.text("state"); state {
		case "initialized", "processing":
		default:
			counts, _ := o["status"].(map[string]any)
			end := outcome{status: status, state: state, counts: counts, results: results(o)}
			if state != "completed" {
				end.problem = "the activity " + state
			}
			return end
		}
	}
	return outcome{status: status, problem: "the activity did not end in time"}
}

// results is the path of an export's file.
func results(o object) string {
	links, _ := o["_links"].(map[string]any)
	link, _ := links["results"].(map[string]any)
	return object(link).text("href")
}
