package cli

import (
	"errors"
	"io"
	"os"

	"golang.org/x/term"

	"rollcall/internal/report"
)

type statusCommand struct {
	inspectFlags
	Association string `help:"Only this association." short:"a"`
}

// errNotWell is why status exits with 1.
var errNotWell = errors.New("something needs attention")

// Run exits with 0 when all is well.
func (c *statusCommand) Run(e *env) error {
	i, err := c.open(e)
	if err != nil {
		return err
	}
	defer i.Close()
	if c.Association != "" {
		if _, err := i.View(c.Association); err != nil {
			return err
		}
	}
	s, err := i.Status(e.ctx, c.Association)
	if err != nil {
		return err
	}
	if err := c.write(e, shownStatus{s}); err != nil {
		return err
	}
	if !s.Well {
		return errNotWell
	}
	return nil
}

type shownStatus struct{ *report.Status }

func (s shownStatus) text(e *env) error { return s.Status.Text(e.stdout, colourful(e.stdout)) }

// colourful says whether to write in colours: on a terminal that knows them,
// unless NO_COLOR is set (no-color.org).
func colourful(w io.Writer) bool {
	return terminal(w) && os.Getenv("NO_COLOR") == "" && os.Getenv("TERM") != "dumb"
}

// terminal says whether somebody watches what is written.
func terminal(w io.Writer) bool {
	f, ok := w.(*os.File)
	return ok && term.IsTerminal(int(f.Fd()))
}
