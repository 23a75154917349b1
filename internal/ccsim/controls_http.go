package ccsim

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"time"
)

// order is what a control is asked: names from the path, which win, and fields
// of the body. Each control takes those that it needs.
type order struct {
	Account    string         `json:"account"`
	APIKey     string         `json:"api_key"`
	Token      string         `json:"token"`
	Address    string         `json:"address"`
	Permission string         `json:"permission"`
	Fields     map[string]any `json:"fields"`
	List       string         `json:"list"`
	Lists      []string       `json:"lists"`
	New        string         `json:"new"`
	Duration   string         `json:"duration"` // as in 1m30s
	On         bool           `json:"on"`
	Method     string         `json:"method"`
	PathPrefix string         `json:"path_prefix"`
	Kind       FaultKind      `json:"kind"`
	Count      int            `json:"count"`
	Role       string         `json:"role"`
	Privileges []string       `json:"privileges"`
	Label      string         `json:"label"`
	Text       string         `json:"text"`
}

func readOrder(r *http.Request) (*order, error) {
	o := &order{}
	if err := decodeBody(r, o); err != nil {
		return nil, err
	}
	for _, name := range []struct {
		of   *string
		text string
	}{
		{&o.Account, r.PathValue("account")},
		{&o.Address, r.PathValue("address")},
		{&o.List, r.PathValue("list")},
		{&o.List, r.URL.Query().Get("list")},
	} {
		if name.text != "" {
			*name.of = name.text
		}
	}
	return o, nil
}

// decodeBody reads a JSON object; no body is an empty one.
func decodeBody(r *http.Request, into any) error {
	d := json.NewDecoder(r.Body)
	d.DisallowUnknownFields()
	if err := d.Decode(into); err != nil && !errors.Is(err, io.EOF) {
		return fmt.Errorf("read body: %w", err)
	}
	return nil
}

// timed hands the order's duration to do.
func timed(do func(*order, time.Duration) error) func(*order) error {
	return func(o *order) error {
		d, err := time.ParseDuration(o.Duration)
		if err != nil {
			return fmt.Errorf("read duration: %w", err)
		}
		return do(o, d)
	}
}

// orders are the controls that change something, by what follows POST /_sim/.
func (s *Sim) orders() map[string]func(*order) error {
	const account = "accounts/{account}"
	const contacts, lists = account + "/contacts", account + "/lists"
	return map[string]func(*order) error{
		"accounts":                          func(o *order) error { s.AddAccount(o.Account, o.APIKey, o.Token); return nil },
		contacts:                            func(o *order) error { return s.AddContact(o.Account, o.Address, o.Lists...) },
		contacts + "/{address}/unsubscribe": func(o *order) error { return s.Unsubscribe(o.Account, o.Address) },
		contacts + "/{address}/resubscribe": func(o *order) error { return s.Resubscribe(o.Account, o.Address) },
		contacts + "/{address}/permission":  func(o *order) error { return s.SetPermission(o.Account, o.Address, o.Permission) },
		contacts + "/{address}/leave":       func(o *order) error { return s.Leave(o.Account, o.Address, o.List) },
		contacts + "/{address}/delete":      func(o *order) error { return s.DeleteContact(o.Account, o.Address) },
		contacts + "/{address}/edit":        s.orderEdit,
		lists:                               func(o *order) error { return s.CreateList(o.Account, o.List) },
		lists + "/{list}/rename":            func(o *order) error { return s.RenameList(o.Account, o.List, o.New) },
		lists + "/{list}/delete":            func(o *order) error { return s.DeleteList(o.Account, o.List) },
		"advance":                           timed(func(_ *order, d time.Duration) error { s.Advance(d); return nil }),
		"delay":                             timed(func(_ *order, d time.Duration) error { s.SetDelay(d); return nil }),
		"hold":                              func(o *order) error { s.Hold(o.On); return nil },
		"skew":                              timed(func(_ *order, d time.Duration) error { s.Skew(d); return nil }),
		contacts + "/{address}/note":        func(o *order) error { return s.AddNote(o.Account, o.Address, o.Text) },
		account + "/fields":                 func(o *order) error { return s.CreateField(o.Account, o.Label) },
		account + "/fields/relabel":         func(o *order) error { return s.RelabelField(o.Account, o.Label, o.New) },
		account + "/role":                   func(o *order) error { return s.SetRole(o.Account, o.Role) },
		account + "/privileges":             func(o *order) error { return s.SetPrivileges(o.Account, o.Privileges...) },
		account + "/confirmed_opt_in":       func(o *order) error { return s.SetConfirmedOptIn(o.Account, o.On) },
		account + "/revoke":                 func(o *order) error { return s.Revoke(o.Account, o.APIKey) },
		account + "/expire_tokens":          func(o *order) error { return s.ExpireTokens(o.Account) },
		account + "/release":                func(o *order) error { return s.Release(o.Account) },
		"faults":                            s.orderFault,
		"reset":                             func(*order) error { s.Reset(); return nil },
	}
}

// views are what can be looked at, by what follows GET /_sim/.
func (s *Sim) views() map[string]func(account, list string) any {
	return map[string]func(account, list string) any{
		"accounts/{account}/contacts":     func(account, _ string) any { return s.Contacts(account) },
		"accounts/{account}/activities":   func(account, _ string) any { return s.Activities(account) },
		"accounts/{account}/fields":       func(account, _ string) any { return s.FieldNames(account) },
		"accounts/{account}/lists":        func(account, _ string) any { return s.ListNames(account) },
		"accounts/{account}/lists/{list}": func(account, list string) any { return s.ListAddresses(account, list) },
		"requests":                        func(string, string) any { return s.Requests() },
		"counts":                          func(string, string) any { return s.Counts() },
		"violations":                      func(string, string) any { return s.Violations() },
		"switches":                        func(string, string) any { return s.Switches() },
	}
}

func (s *Sim) controls(mux *http.ServeMux) {
	for path, do := range s.orders() {
		mux.HandleFunc("POST /_sim/"+path, func(w http.ResponseWriter, r *http.Request) {
			o, err := readOrder(r)
			if err == nil {
				err = do(o)
			}
			done(w, err)
		})
	}
	setting(mux, "switches", s.Switches, func(to Switches) error { s.SetSwitches(to); return nil })
	setting(mux, "apps", func() App { return App{} }, s.SetApp)
	setting(mux, "consent", func() Consent { return Consent{} }, func(to Consent) error {
		if to == (Consent{}) {
			s.SetConsent(nil)
			return nil
		}
		s.SetConsent(&to)
		return nil
	})
	setting(mux, "faults/random", func() chances { return chances{} }, s.orderChances)
	mux.HandleFunc("GET /_sim/accounts/{account}/contacts/{address}", func(w http.ResponseWriter, r *http.Request) {
		shown, err := s.Contact(r.PathValue("account"), r.PathValue("address"))
		if err != nil {
			done(w, err)
			return
		}
		ok(shown).write(w)
	})
	for path, view := range s.views() {
		mux.HandleFunc("GET /_sim/"+path, func(w http.ResponseWriter, r *http.Request) {
			ok(view(r.PathValue("account"), r.PathValue("list"))).write(w)
		})
	}
}

// setting is a control whose body is a whole: what is not named is as in from.
func setting[T any](mux *http.ServeMux, path string, from func() T, set func(T) error) {
	mux.HandleFunc("POST /_sim/"+path, func(w http.ResponseWriter, r *http.Request) {
		to := from()
		err := decodeBody(r, &to)
		if err == nil {
			err = set(to)
		}
		done(w, err)
	})
}

// chances are FaultsAtRandom.
type chances struct {
	Seed     uint64      `json:"seed"`
	Share    float64     `json:"share"`
	Kinds    []FaultKind `json:"kinds"`
	Duration string      `json:"duration"`
}

func (s *Sim) orderChances(c chances) error {
	delay, err := optionalDuration(c.Duration)
	if err != nil {
		return err
	}
	return s.FaultsAtRandom(c.Seed, c.Share, delay, c.Kinds...)
}

func optionalDuration(text string) (time.Duration, error) {
	if text == "" {
		return 0, nil
	}
	d, err := time.ParseDuration(text)
	if err != nil {
		return 0, fmt.Errorf("read duration: %w", err)
	}
	return d, nil
}

// done answers a control.
func done(w http.ResponseWriter, err error) {
	if err != nil {
		answer{status: http.StatusBadRequest, body: map[string]string{"error": err.Error()}}.write(w)
		return
	}
	w.WriteHeader(http.StatusNoContent)
}

// orderEdit changes fields first, as the address names the contact.
func (s *Sim) orderEdit(o *order) error {
	if len(o.Fields) > 0 {
		if err := s.EditFields(o.Account, o.Address, o.Fields); err != nil {
			return err
		}
	}
	if o.New == "" {
		return nil
	}
	return s.EditAddress(o.Account, o.Address, o.New)
}

func (s *Sim) orderFault(o *order) error {
	delay, err := optionalDuration(o.Duration)
	if err != nil {
		return err
	}
	return s.Fault(Fault{Method: o.Method, PathPrefix: o.PathPrefix, Kind: o.Kind, Count: o.Count, Delay: delay})
}
