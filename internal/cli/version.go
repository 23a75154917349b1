package cli

import (
	"fmt"

	"rollcall/internal/report"
	"rollcall/internal/version"
)

type versionCommand struct {
	JSON bool `help:"Print JSON."`
}

func (c *versionCommand) Run(e *env) error {
	v := version.Read()
	if c.JSON {
		return report.JSON(e.stdout, v)
	}
	_, err := fmt.Fprintf(e.stdout, "rollcall %s (revision %s, %s)\n", v.Version, v.Revision, v.Go)
	return err
}
