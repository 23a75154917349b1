// Package version says which build this is.
package version

import (
	"runtime"
	"runtime/debug"
)

// Number is the version that a release was built as; empty: see Read. The linker
// sets it: -ldflags "-X rollcall/internal/version.Number=1.2.3".
var Number string

// Info is which build this is.
type Info struct {
	Version  string `json:"version"`  // devel where nothing says
	Revision string `json:"revision"` // of the source; unknown where nothing says
	Go       string `json:"go"`       // the compiler's version
}

// Read returns which build this is.
func Read() Info {
	i := Info{Version: Number, Revision: "unknown", Go: runtime.Version()}
	if built, ok := debug.ReadBuildInfo(); ok {
		if i.Version == "" && built.Main.Version != "(devel)" {
			i.Version = built.Main.Version
		}
		for _, s := range built.Settings {
			if s.Key == "vcs.revision" {
				i.Revision = s.Value
			}
		}
	}
	if i.Version == "" {
		i.Version = "devel"
	}
	return i
}
