package app

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"time"

	"rollcall/internal/console"
	"rollcall/internal/credential"
	"rollcall/internal/lease"
	"rollcall/mapper"
	"rollcall/sink/constantcontact"
	"rollcall/sink/constantcontact/oauth"
)

// connectPatience is how long the console waits for the API key's lease, which a
// running program gives up within half a minute.
const connectPatience = 40 * time.Second

// connections connects accounts on behalf of the console.
func (o *office) connections() (*Connections, error) {
	box, err := tokenBox(o.cfg)
	return &Connections{Patience: connectPatience, app: o.app, box: box}, err
}

// Account reads how an association is connected; see console.Office.
func (o *office) Account(ctx context.Context, association string) (console.Account, error) {
	v, err := o.View(association)
	if err != nil {
		return console.Account{}, err
	}
	known, err := v.connectionState(ctx)
	if err != nil {
		return console.Account{}, err
	}
	conn := v.connection()
	a := console.Account{
		State: string(known.State), Detail: known.Detail, Name: known.AccountName, ID: known.AccountID, APIKey: conn.APIKey,
		Static: conn.AccessToken.IsSet(), ConnectedBy: known.ConnectedBy, AgreedBy: known.AgreedBy, Since: timeOrNil(known.ConnectedAt), AgreedAt: timeOrNil(known.AgreedAt),
	}
	if key, described := o.cfg.ConstantContact.Key(conn.APIKey); described {
		a.RedirectURL = key.RedirectURL
	}
	options, err := o.options(ctx, association)
	if err != nil {
		return a, err
	}
	a.OptionsOn = mapper.IsConstantContact(options.NewsletterSolution) && (options.SyncAllActive || options.SyncMembershipTypes || options.SyncGroups)
	facts, err := v.Store.Freshness(ctx)
	if err != nil {
		return a, err
	}
	a.DatabaseRead = facts.FullPassAt != nil
	counted, err := v.Store.LastCount(ctx)
	if err != nil {
		return a, err
	}
	a.Counted = !counted.At.IsZero()
	calls, err := v.Store.Calls(ctx, 0, 1)
	a.Synced = len(calls) > 0
	return a, err
}

func timeOrNil(t time.Time) *time.Time {
	if t.IsZero() {
		return nil
	}
	return &t
}

// BeginConnect prepares the connecting of an account; see console.Office.
func (o *office) BeginConnect(_ context.Context, association string) (console.ConnectAttempt, error) {
	c, err := o.connections()
	if err != nil {
		return nil, err
	}
	began, err := c.Begin(association)
	if err != nil {
		return nil, connectProblem(err)
	}
	return &connectAttempt{began}, nil
}

// Disconnect forgets an account's tokens; see console.Office.
func (o *office) Disconnect(ctx context.Context, association, by string) error {
	c, err := o.connections()
	if err != nil {
		return err
	}
	_, err = c.Disconnect(ctx, association, by)
	return connectProblem(err)
}

// connectAttempt is a console.ConnectAttempt.
type connectAttempt struct{ began *Connecting }

func (a *connectAttempt) Address() string { return a.began.Address }

func (a *connectAttempt) State() string { return a.began.Attempt.State }

func (a *connectAttempt) Code(answer url.Values) (string, error) { return a.began.Attempt.Code(answer) }

func (a *connectAttempt) Finish(ctx context.Context, code, by, agreedBy, adopt string) (string, error) {
	made, err := a.began.Finish(ctx, code, by, agreedBy, adopt)
	return made.AccountName, connectProblem(err)
}

func (a *connectAttempt) Close() { a.began.Close() }

// connectProblem makes what keeps an account from being connected a problem of a
// page. None of these errors holds a secret.
func connectProblem(err error) error {
	if err == nil {
		return nil
	}
	p := &console.Problem{Status: http.StatusConflict, What: "The account was not connected.", Detail: sentence(err.Error()), Try: "Begin again on the page Connect."}
	var held *lease.HeldError
	var taken *credential.AccountTakenError
	var other *credential.OtherAccountError
	var missing *credential.MissingError
	var denied *oauth.DeniedError
	var refused *oauth.Error
	var unclear *oauth.AmbiguousError
	var api *constantcontact.APIError
	switch {
	case errors.As(err, &held):
		p.Detail, p.Try = "Another process uses the API key and did not give it up in time.", "Again in a minute."
	case errors.Is(err, ErrStaticToken):
		p.What, p.Try = "There is nothing to connect here.", ""
	case errors.As(err, &other):
		p.Detail = fmt.Sprintf("The association belongs to the account %q (%s), and this is %q (%s). Nothing was changed.", other.Was, other.WasID, other.Is, other.IsID)
		p.Try = "Sign out of Constant Contact in the browser and use the first account; or begin again and enter " + other.IsID + " as the account that takes its place."
	case errors.As(err, &taken):
		p.Try = "Sign out of Constant Contact in the browser, and begin again with the right account."
	case errors.As(err, &missing):
		p.Try = "Connect as an Owner or Manager of the account."
	case errors.As(err, &denied), errors.As(err, &refused), errors.As(err, &unclear), errors.As(err, &api):
	default:
		return err
	}
	return p
}
