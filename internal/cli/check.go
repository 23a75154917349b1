package cli

import (
	"encoding/json"
	"fmt"
	"io"
	"strings"
	"time"

	"rollcall/internal/app"
	"rollcall/internal/check"
	"rollcall/internal/config"
)

type checkCommand struct {
	Config string `help:"Configuration file." default:"/etc/rollcall/rollcall.yaml" type:"path" short:"c"`
	JSON   bool   `help:"Print the findings as JSON." name:"json"`
}

// Run exits with 0 when there is nothing but notes.
func (c *checkCommand) Run(e *env) error {
	cfg, err := config.Load(c.Config)
	if err != nil {
		return err
	}
	checking, err := checkConfig(cfg)
	if err != nil {
		return err
	}
	report := check.Run(e.ctx, checking)
	if err := printReport(e.stdout, report, c.JSON); err != nil {
		return err
	}
	if report.Errors+report.Warnings > 0 {
		return fmt.Errorf("check source %s: %d errors, %d warnings", cfg.Source.Name, report.Errors, report.Warnings)
	}
	return nil
}

func checkConfig(cfg *config.Config) (check.Config, error) {
	source, state, err := app.Databases(cfg)
	if err != nil {
		return check.Config{}, err
	}
	c := check.Config{
		Source: source, State: state, Name: cfg.Source.Name, Slot: cfg.Source.Slot, Publication: cfg.Source.Publication,
		Triggers:    cfg.Source.Capture == config.CaptureTriggers,
		KeepRemoved: cfg.Rules.OnRemoved == config.OnRemovedKeep, Now: time.Now,
	}
	for _, conn := range cfg.ConstantContact.Connections {
		c.Connections = append(c.Connections, check.Connection{Association: conn.Association, TokenError: app.ReadSecrets(cfg, conn)})
	}
	return c, nil
}

func printReport(w io.Writer, r check.Report, asJSON bool) error {
	if asJSON {
		if r.Findings == nil {
			r.Findings = []check.Finding{}
		}
		encoder := json.NewEncoder(w)
		encoder.SetIndent("", "  ")
		encoder.SetEscapeHTML(false)
		return encoder.Encode(r)
	}
	var b strings.Builder
	var category check.Category
	for _, f := range r.Findings {
		if f.Category != category {
			category = f.Category
			fmt.Fprintf(&b, "%s\n", strings.ReplaceAll(string(category), "_", " "))
		}
		fmt.Fprintf(&b, "  %-7s  %s", f.Severity, f.Name)
		if f.Object != "" {
			fmt.Fprintf(&b, "  %s", f.Object)
		}
		fmt.Fprintf(&b, "\n           %s\n           → %s\n", f.Text, f.Fix)
	}
	if len(r.Findings) == 0 {
		b.WriteString("nothing found\n")
	}
	_, err := io.WriteString(w, b.String())
	return err
}
