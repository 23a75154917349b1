package cli

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"time"

	"rollcall/internal/config"
	"rollcall/internal/httpserver"
	"rollcall/internal/report"
)

type healthCommand struct {
	Config string        `help:"Configuration file, for its metrics.listen." default:"/etc/rollcall/rollcall.yaml" type:"path" short:"c"`
	Ready  bool          `help:"Ask whether it does its job, not only whether it is alive."`
	Within time.Duration `help:"How long to wait for the answer." default:"5s"`
	JSON   bool          `help:"Print JSON."`
}

// health is what the program answered.
type health struct {
	OK     bool               `json:"ok"`
	Report *httpserver.Report `json:"report,omitempty"` // with --ready
}

// errUnhealthy says that the program answered, and not that it is well.
var errUnhealthy = errors.New("the program does not do its job")

func (c *healthCommand) Run(e *env) error {
	cfg, err := config.Load(c.Config)
	if err != nil {
		return err
	}
	if cfg.Metrics.Off() {
		return &usageError{"metrics.listen is off, so nobody can be asked", "an address in metrics.listen"}
	}
	ctx, cancel := context.WithTimeout(e.ctx, c.Within)
	defer cancel()
	path := "/healthz"
	if c.Ready {
		path = "/readyz"
	}
	status, body, err := askHealth(ctx, "http://"+local(cfg.Metrics.Listen)+path)
	if err != nil {
		return fmt.Errorf("ask %s: %w", cfg.Metrics.Listen, err)
	}
	var answer httpserver.Report
	reported := c.Ready && json.Unmarshal(body, &answer) == nil
	if c.JSON {
		h := health{OK: status == http.StatusOK}
		if reported {
			h.Report = &answer
		}
		if err := report.JSON(e.stdout, h); err != nil {
			return err
		}
	} else if reported {
		for _, check := range answer.Checks {
			word := "ok"
			if !check.OK {
				word = "NOT OK"
			}
			fmt.Fprintf(e.stdout, "%s: %s: %s\n", check.Name, word, check.Reason)
		}
		for _, note := range answer.Notes {
			fmt.Fprintf(e.stdout, "note: %s\n", note)
		}
	}
	if status != http.StatusOK {
		return fmt.Errorf("%s answered %d: %w", path, status, errUnhealthy)
	}
	if !c.Ready && !c.JSON {
		fmt.Fprintln(e.stdout, "alive")
	}
	return nil
}

// local is an address to ask of a program that listens there: one that listens
// everywhere is on this host too.
func local(listen string) string {
	host, port, err := net.SplitHostPort(listen)
	if ip := net.ParseIP(host); err == nil && (host == "" || ip != nil && ip.IsUnspecified()) {
		return net.JoinHostPort("127.0.0.1", port)
	}
	return listen
}

const mostHealthBytes = 1 << 20

func askHealth(ctx context.Context, address string) (status int, body []byte, err error) {
	r, err := http.NewRequestWithContext(ctx, http.MethodGet, address, nil)
	if err != nil {
		return 0, nil, err
	}
	client := &http.Client{Transport: &http.Transport{DisableKeepAlives: true}} // no proxy: it is on this host
	answer, err := client.Do(r)
	if err != nil {
		return 0, nil, err
	}
	defer answer.Body.Close()
	body, err = io.ReadAll(io.LimitReader(answer.Body, mostHealthBytes))
	return answer.StatusCode, body, err
}
