package cli

import (
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"

	"rollcall/internal/report"
)

type exportCommand struct {
	associationFlags
	What    string `arg:"" help:"Key or name of a list, id or name of a group, or all."`
	Output  string `help:"File to write, - for standard output." short:"o" required:""`
	LeftOut string `help:"File for those who are left out, with reasons; default: beside the output, .left-out.csv." name:"left-out"`
}

type exported struct {
	File        string `json:"file"`
	People      int    `json:"people"`
	LeftOutFile string `json:"left_out_file,omitempty"`
	LeftOut     int    `json:"left_out"`
}

func (c *exportCommand) Run(e *env) error {
	toStdout := c.Output == "-"
	if toStdout && c.JSON {
		return &usageError{"--json prints about the file, and -o - prints the file itself", "a file name after -o"}
	}
	leftOut := c.LeftOut
	if leftOut == "" && !toStdout {
		leftOut = strings.TrimSuffix(c.Output, ".csv") + ".left-out.csv"
	}
	if leftOut != "" && filepath.Clean(leftOut) == filepath.Clean(c.Output) {
		return &usageError{"--left-out names the same file as -o", "another name"}
	}
	i, err := c.open(e)
	if err != nil {
		return err
	}
	defer i.Close()
	v, err := c.one(i)
	if err != nil {
		return err
	}
	var files pending
	defer files.discard()
	people := e.stdout
	if !toStdout {
		if people, err = files.create(c.Output); err != nil {
			return err
		}
	}
	var omitted io.Writer
	if leftOut != "" {
		if omitted, err = files.create(leftOut); err != nil {
			return err
		}
	}
	x, err := report.NewExport(people, omitted, v.Policy())
	if err != nil {
		return err
	}
	if err := watched(e, v, "Exporting", func() error { return v.Export(e.ctx, c.What, x) }); err != nil {
		return err
	}
	if err := x.Close(); err != nil {
		return fmt.Errorf("write export: %w", err)
	}
	if err := files.keep(); err != nil {
		return err
	}
	done := exported{c.Output, x.People, leftOut, x.Omitted}
	if toStdout {
		return done.say(e.stderr)
	}
	return c.write(e, done)
}

func (x exported) text(e *env) error { return x.say(e.stdout) }

func (x exported) say(w io.Writer) error {
	to := x.LeftOutFile
	if to == "" {
		to = "not written; --left-out names a file for them"
	}
	_, err := fmt.Fprintf(w, "%d people: %s\n%d left out: %s\n", x.People, x.File, x.LeftOut, to)
	return err
}

// pending are files that get their names only once they are complete. They hold
// member data, so that only their owner may read them.
type pending []pendingFile

type pendingFile struct {
	*os.File
	name string
}

func (p *pending) create(name string) (io.Writer, error) {
	f, err := os.CreateTemp(filepath.Dir(name), "."+filepath.Base(name)+".*")
	if err != nil {
		return nil, fmt.Errorf("write export: %w", err)
	}
	*p = append(*p, pendingFile{f, name})
	return f, nil
}

func (p *pending) keep() error {
	for _, f := range *p {
		if err := errors.Join(f.Sync(), f.Close()); err != nil {
			return fmt.Errorf("write export: %w", err)
		}
	}
	for _, f := range *p {
		if err := os.Rename(f.File.Name(), f.name); err != nil {
			return fmt.Errorf("write export: %w", err)
		}
	}
	*p = nil
	return nil
}

// discard removes what was not kept.
func (p *pending) discard() {
	for _, f := range *p {
		_ = f.Close() // closed already, or given up
		_ = os.Remove(f.File.Name())
	}
}
