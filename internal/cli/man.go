package cli

import (
	"fmt"
	"io"
	"strings"

	"github.com/alecthomas/kong"
)

type manCommand struct{}

// Run writes the manual page, in the form that man reads.
func (manCommand) Run(e *env) error {
	_, err := io.WriteString(e.stdout, manPage(e.model))
	return err
}

// manPage is the manual page of the program: man(7).
func manPage(app *kong.Application) string {
	var b strings.Builder
	line := func(macro string, texts ...string) {
		b.WriteString(macro)
		for _, text := range texts {
			fmt.Fprintf(&b, " \"%s\"", strings.ReplaceAll(roff(text), `"`, `\(dq`))
		}
		b.WriteString("\n")
	}
	text := func(s string) { b.WriteString(roff(s) + "\n") }
	line(".TH", "ROLLCALL", "1", "", "rollcall", "User Commands")
	line(".SH", "NAME")
	text("rollcall - keep Constant Contact lists in step with a Postgres member database")
	line(".SH", "SYNOPSIS")
	line(".B", "rollcall")
	text("<command> [<argument>] [--flag]")
	line(".SH", "DESCRIPTION")
	text(description)
	line(".PP")
	text(beginning)
	for _, p := range purposes {
		line(".SH", strings.ToUpper(p.title))
		for _, a := range p.commands {
			for _, n := range leaves(app.Node) {
				if top(n).Name == a.name {
					manCommandText(n, line, text)
				}
			}
		}
	}
	line(".SH", "EXIT STATUS")
	for _, c := range exitCodes {
		line(".TP")
		line(".B", fmt.Sprint(c.code))
		text(c.meaning)
	}
	line(".SH", "ENVIRONMENT")
	for _, v := range variables {
		line(".TP")
		line(".B", v.name)
		text(v.effect)
	}
	line(".SH", "FILES")
	line(".TP")
	line(".I", configuration)
	text("The configuration, unless --config names another file.")
	return b.String()
}

func manCommandText(n *kong.Node, line func(string, ...string), text func(string)) {
	line(".SS", strings.TrimSuffix(usageLine(n), " [flags]"))
	text(n.Help)
	for _, v := range n.Positional {
		line(".TP")
		line(".I", argument(v))
		text(v.Help)
	}
	for _, f := range flagsOf(n) {
		line(".TP")
		line(".B", flagUsage(f))
		text(flagHelp(n, f))
	}
	examples := aboutOf(top(n).Name).examples
	if n != firstLeaf(top(n)) || len(examples) == 0 {
		return
	}
	line(".PP")
	text("Examples:")
	line(".nf")
	for _, x := range examples {
		text("    rollcall " + x)
	}
	line(".fi")
}

// top is the command of the first level that a command belongs to.
func top(n *kong.Node) *kong.Node {
	for n.Parent != nil && n.Parent.Type != kong.ApplicationNode {
		n = n.Parent
	}
	return n
}

func firstLeaf(n *kong.Node) *kong.Node {
	if len(n.Children) == 0 {
		return n
	}
	return leaves(n)[0]
}

// roff writes a text so that roff takes nothing in it for a command.
func roff(text string) string {
	text = strings.NewReplacer(`\`, `\e`, "-", `\-`, "'", `\(aq`, "`", "\\`", "^", `\(ha`, "~", `\(ti`).Replace(text)
	if strings.HasPrefix(text, ".") {
		return `\&` + text
	}
	return text
}
