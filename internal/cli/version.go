package cli

import (
	"fmt"
	"runtime"
	"runtime/debug"

	"rollcall/internal/report"
)

type versionCommand struct {
	JSON bool `help:"Print JSON."`
}

type programVersion struct {
	Version  string `json:"version"`
	Revision string `json:"revision"`
	Go       string `json:"go"`
}

func (c *versionCommand) Run(e *env) error {
	v := programVersion{"devel", "unknown", runtime.Version()}
	if info, ok := debug.ReadBuildInfo(); ok {
		if info.Main.Version != "" && info.Main.Version != "(devel)" {
			v.Version = info.Main.Version
		}
		for _, s := range info.Settings {
			if s.Key == "vcs.revision" {
				v.Revision = s.Value
			}
		}
	}
	if c.JSON {
		return report.JSON(e.stdout, v)
	}
	_, err := fmt.Fprintf(e.stdout, "rollcall %s (revision %s, %s)\n", v.Version, v.Revision, v.Go)
	return err
}
