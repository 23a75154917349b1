package cli

import (
	"fmt"

	"rollcall/internal/version"
)

type versionCommand struct{}

func (versionCommand) Run(e *env) error {
	v := version.Read()
	_, err := fmt.Fprintf(e.stdout, "rollcall %s (revision %s, %s)\n", v.Version, v.Revision, v.Go)
	return err
}
