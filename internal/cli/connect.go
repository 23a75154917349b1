package cli

import (
	"bufio"
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"strings"
	"time"

	"rollcall/internal/app"
	"rollcall/internal/config"
	"rollcall/internal/credential"
	"rollcall/internal/report"
	"rollcall/sink/constantcontact/oauth"
)

type connectCommand struct {
	Config      string        `help:"Configuration file." default:"/etc/rollcall/rollcall.yaml" type:"path" short:"c"`
	Association string        `help:"Association id." required:"" short:"a"`
	Wait        time.Duration `help:"How long to wait for a running program to give way." default:"30s"`
	AgreedBy    string        `help:"Who confirms that members agreed to be mailed; asked for when left out."`
	Adopt       string        `name:"adopt-account" help:"Id of an account that takes the place of the one that the association had before." placeholder:"ID"`
	Paste       bool          `help:"Ask for the address that the browser was sent to, for a server without a browser."`
	JSON        bool          `help:"Print the account as JSON; what is asked and said meanwhile goes to standard error."`
}

type connected struct {
	Association string `json:"association"`
	Account     string `json:"account"`
	AccountName string `json:"account_name"`
}

// connectPatience is how long the browser is waited for.
const connectPatience = 10 * time.Minute

func (c *connectCommand) Run(e *env) error {
	out := e.stdout
	if c.JSON {
		out = e.stderr
	}
	cfg, err := config.Load(c.Config)
	if err != nil {
		return err
	}
	connections, err := app.OpenConnections(e.ctx, cfg, logger(e.stderr, quiet(cfg.Log)), e.Now)
	if err != nil {
		return err
	}
	defer connections.Close()
	connections.Patience = c.Wait
	if c.Adopt != "" && connections.IsStatic(c.Association) {
		made, err := connections.AdoptStatic(e.ctx, c.Association, e.who(), c.Adopt)
		if err != nil {
			return err
		}
		return c.connected(e, made)
	}
	connecting, err := connections.Begin(c.Association)
	if err != nil {
		return err
	}
	defer connecting.Close()
	in := bufio.NewReader(e.Stdin)
	agreedBy, err := c.agreement(out, in)
	if err != nil {
		return err
	}
	receive, stop, err := c.receiver(connecting, in, out)
	if err != nil {
		return err
	}
	defer stop()
	fmt.Fprintf(out, "\nOpen this address in a browser, and sign in to the account of association %s as an Owner or Manager:\n\n  %s\n\n"+
		"The browser is sent back to exactly this address, which has to be registered as a redirect URI of the application:\n\n  %s\n\n",
		c.Association, connecting.Address, connecting.RedirectURL)
	code, err := receive(e.ctx)
	if err != nil {
		return err
	}
	fmt.Fprintln(out, "Checking the account …")
	made, err := connecting.Finish(e.ctx, code, e.who(), agreedBy, c.Adopt)
	if err != nil {
		return err
	}
	return c.connected(e, made)
}

func (c *connectCommand) connected(e *env, made credential.Connection) error {
	if c.JSON {
		return report.JSON(e.stdout, connected{c.Association, made.AccountID, made.AccountName})
	}
	_, err := fmt.Fprintf(e.stdout, "Association %s is connected to the account %q (%s).\n", c.Association, made.AccountName, made.AccountID)
	if err != nil || c.Adopt != made.AccountID {
		return err
	}
	_, err = fmt.Fprint(e.stdout, "Where that is another account than before, its lists are looked at first: who unsubscribed, was deleted, or left a list before stays off, "+
		"and rollcall approvals asks about the people that are found there.\n")
	return err
}

// quiet is a log for commands that talk to a person: what goes as planned is said
// on stdout.
func quiet(l config.Log) config.Log {
	return config.Log{Level: "warn", Format: l.Format}
}

// errNotAgreed says that nobody confirmed what has to be confirmed.
var errNotAgreed = errors.New("nothing was connected: nobody confirmed that members agreed to be mailed; in a script say --agreed-by NAME")

// agreement returns who confirms that members agreed to be mailed. Constant
// Contact's terms ask for it, and nobody but the person who connects can know.
func (c *connectCommand) agreement(out io.Writer, in *bufio.Reader) (string, error) {
	if name := strings.TrimSpace(c.AgreedBy); name != "" {
		return name, nil
	}
	fmt.Fprintf(out, "Have the people of association %s agreed to be mailed through Constant Contact?\n"+
		"Whoever connects the account confirms it; the name and the time are kept.\nYour name if they have, nothing if they have not: ", c.Association)
	line, err := readLine(in)
	if err != nil {
		return "", err
	}
	if line == "" {
		return "", errNotAgreed
	}
	return line, nil
}

// readLine returns one line without white space around it; empty at the end.
func readLine(in *bufio.Reader) (string, error) {
	line, err := in.ReadString('\n')
	if err != nil && !errors.Is(err, io.EOF) {
		return "", fmt.Errorf("read answer: %w", err)
	}
	return strings.TrimSpace(line), nil
}

// receiver prepares to receive the code: the browser brings it, or a person.
func (c *connectCommand) receiver(connecting *app.Connecting, in *bufio.Reader, out io.Writer) (receive func(context.Context) (string, error), stop func(), err error) {
	if c.Paste {
		return func(context.Context) (string, error) {
			fmt.Fprint(out, "The browser may show an error there. Paste the address that it is at, or the code in it: ")
			line, err := readLine(in)
			if err != nil {
				return "", err
			}
			return pasted(connecting.Attempt, line)
		}, func() {}, nil
	}
	to, err := url.Parse(connecting.RedirectURL)
	if err != nil || to.Scheme != "http" {
		return nil, nil, errors.New("the redirect_url of the API key is not on this host: say --paste, and paste the address that the browser is sent to")
	}
	listener, err := net.Listen("tcp", to.Host)
	if err != nil {
		return nil, nil, fmt.Errorf("listen for the browser: %w; free that port, or say --paste", err)
	}
	w := &callback{attempt: connecting.Attempt, path: cmp.Or(to.Path, "/"), result: make(chan result, 1)}
	server := &http.Server{Handler: w, ReadHeaderTimeout: 10 * time.Second, MaxHeaderBytes: 16 << 10}
	go func() { _ = server.Serve(listener) }() // until stop
	return w.wait, func() {
		closing, cancel := context.WithTimeout(context.Background(), time.Second)
		defer cancel()
		_ = server.Shutdown(closing) // lets the browser have its page
		_ = server.Close()
	}, nil
}

// pasted reads what a person pasted: an address, its query, or a code.
func pasted(attempt oauth.Attempt, text string) (string, error) {
	if text == "" {
		return "", errors.New("nothing was pasted")
	}
	_, query, isAddress := strings.Cut(text, "?")
	if !isAddress && strings.Contains(text, "code=") {
		query, isAddress = text, true
	}
	if !isAddress {
		return text, nil // the verifier of PKCE binds it to this attempt
	}
	values, err := url.ParseQuery(query)
	if err != nil {
		return "", errors.New("what was pasted is not an address")
	}
	return attempt.Code(values)
}

// callback takes the browser's request.
type callback struct {
	attempt oauth.Attempt
	path    string
	result  chan result // of the first request that is an answer
}

type result struct {
	code string
	err  error
}

// wait returns the code.
func (c *callback) wait(ctx context.Context) (string, error) {
	ctx, cancel := context.WithTimeout(ctx, connectPatience)
	defer cancel()
	select {
	case got := <-c.result:
		return got.code, got.err
	case <-ctx.Done():
		return "", fmt.Errorf("wait for the browser: %w", ctx.Err())
	}
}

// ServeHTTP answers the browser. A request that does not belong to this attempt
// changes nothing: any page that the browser shows can send one.
func (c *callback) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	header := w.Header()
	header.Set("Cache-Control", "no-store")
	header.Set("Content-Security-Policy", "default-src 'none'")
	header.Set("Content-Type", "text/plain; charset=utf-8")
	header.Set("Referrer-Policy", "no-referrer")
	header.Set("X-Content-Type-Options", "nosniff")
	if r.Method != http.MethodGet || r.URL.Path != c.path {
		w.WriteHeader(http.StatusNotFound)
		fmt.Fprintln(w, "There is nothing here.")
		return
	}
	code, err := c.attempt.Code(r.URL.Query())
	if errors.Is(err, oauth.ErrState) {
		w.WriteHeader(http.StatusBadRequest)
		fmt.Fprintln(w, "This is not the answer that rollcall connect waits for. Open the address that it printed.")
		return
	}
	if err != nil {
		fmt.Fprintln(w, "The account was not connected. You can close this page; the terminal says more.")
	} else {
		fmt.Fprintln(w, "Thank you. You can close this page; the terminal says whether the account is connected.")
	}
	select {
	case c.result <- result{code, err}:
	default: // the page was loaded again
	}
}
