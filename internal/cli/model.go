package cli

import (
	"cmp"
	"fmt"
	"slices"
	"strings"

	"github.com/alecthomas/kong"
)

// purpose is what somebody who looks for a command wants to do.
type purpose struct {
	title    string
	commands []about
}

// about is what the manual says of a command beside its flags.
type about struct {
	name     string
	examples []string // command lines without the program's name
	fails    string   // what exit code 1 says besides that it could not be done
}

// purposes are all commands, in the order in which help shows them.
var purposes = []purpose{
	{"Try it, without a database and without an account", []about{
		{"demo", []string{"demo", "demo --verbose"}, "the demo found a mistake"},
		{"sim", []string{"sim --listen 127.0.0.1:8089 --delay 3s"}, ""},
	}},
	{"Set it up", []about{
		{"init", []string{
			"init --reference --print", "init --views views.sql --watches watches.sql --url postgres://dba@db.example.org/members",
			"init --reference --url postgres://dba@db.example.org/members --consent consent.jsonl",
		}, ""},
		{"check", []string{"check", "check --json"}, "it found errors or warnings"},
		{"connect", []string{"connect --association 1", "connect --association 1 --paste --agreed-by \"Ann Smith\""}, ""},
		{"disconnect", []string{"disconnect --association 1"}, ""},
		{"probe", []string{"probe --association 1"}, ""},
		{"users", []string{"users", "users add ann --role admin", "users add ben --role viewer --association 1", "users role ben operator", "users password ann"}, ""},
	}},
	{"Keep Constant Contact in step", []about{
		{"run", []string{"run", "run --config /etc/rollcall/rollcall.yaml"}, ""},
		{"sync", []string{"sync Board", "sync 12 --yes --wait"}, ""},
		{"reconcile", []string{"reconcile --association 1 --wait"}, ""},
		{"adopt", []string{"adopt --failover", "adopt --restored --yes"}, ""},
		{"uninstall", []string{"uninstall --keep-consent consent.jsonl --url postgres://dba@db.example.org/members", "uninstall --print"}, ""},
	}},
	{"See what is and what would be", []about{
		{"status", []string{"status", "status --association 1 --json"}, "something needs attention"},
		{"healthcheck", []string{"healthcheck", "healthcheck --ready"}, "the program answered that it is not well"},
		{"plan", []string{"plan", "plan --list Board --names"}, ""},
		{"lists", []string{"lists", "lists show Board", "lists recreate Board"}, ""},
		{"explain", []string{"explain ann@example.org", "explain 4711 --all"}, ""},
		{"trace", []string{"trace 4711"}, ""},
		{"runs", []string{"runs", "runs 42"}, ""},
		{"notices", []string{"notices", "notices --association 1 --json"}, ""},
		{"audit", []string{"audit", "audit --association 1 --limit 200"}, ""},
		{"export", []string{"export Board -o board.csv", "export all -o all.csv --left-out out.csv"}, ""},
	}},
	{"Decide what waits for you", []about{
		{"approvals", []string{"approvals", "approvals show 3", "approvals approve 3", "approvals reject 3"}, ""},
		{"allow-back", []string{"allow-back ann@example.org", "allow-back ann@example.org --list Board --wait"}, ""},
		{"retry", []string{"retry ann@example.org"}, ""},
	}},
	{"The program itself", []about{
		{"version", []string{"version", "version --json"}, ""},
		{"completion", []string{"completion bash", "completion zsh", "completion fish"}, ""},
		{"man", []string{"man"}, ""},
	}},
}

// exitCode is a code with its meaning.
type exitCode struct {
	code    int
	meaning string
}

// exitCodes are all that the program ends with. A process that a signal kills
// has no code of its own.
var exitCodes = []exitCode{
	{ExitOK, "It is done. A planned stop of run (SIGINT, SIGTERM) is done too."},
	{ExitFailure, "It could not be done: the message says why, and mostly what to try. Check and status also end with it when there is something to mend."},
	{ExitUsage, "The command line, the configuration, or something that was typed is wrong. Nothing was done."},
}

// variable is an environment variable with what it does.
type variable struct{ name, effect string }

var variables = []variable{
	{"NO_COLOR", "Set to anything: status has no colours. Elsewhere there are none. They are left out anyway where the output is no terminal."},
	{"ROLLCALL_PG_BIN", "Where demo finds the programs of a Postgres server. Left out: it looks around, and fetches one where there is none."},
	{"CREDENTIALS_DIRECTORY", "Set by systemd: where secrets of the form {credential: NAME} are read from."},
}

const (
	description = "Rollcall keeps Constant Contact lists in step with a Postgres member database."
	beginning   = `New here? "rollcall demo" shows a day of office work on a database and a Constant Contact of its own. ` +
		`With a database of yours: init, check, connect, plan to see what would happen, run. Then "rollcall status" tells how it goes.`
	configuration = "/etc/rollcall/rollcall.yaml"
)

// newParser makes the command line's model. What it prints goes to the program's
// writers; exit is called after help was printed.
func (p Program) newParser(c *commands, exit func(int)) (*kong.Kong, error) {
	return kong.New(c,
		kong.Name("rollcall"),
		kong.Description(description+"\n\n"+beginning),
		kong.Writers(p.Stdout, p.Stderr),
		kong.Exit(exit),
		kong.ConfigureHelp(kong.HelpOptions{Compact: true, NoExpandSubcommands: true, WrapUpperBound: 100}),
		kong.PostBuild(arrange),
	)
}

// arrange puts the commands in the order of purposes, under their titles, with
// their examples. One that purposes does not have comes last.
func arrange(k *kong.Kong) error {
	rank := map[string]int{}
	below := &kong.Group{Key: "below", Title: "Commands:"}
	var group *kong.Group
	for _, p := range purposes {
		group = &kong.Group{Key: p.title, Title: p.title + ":"}
		for _, a := range p.commands {
			rank[a.name] = len(rank) + 1
			i := slices.IndexFunc(k.Model.Children, func(n *kong.Node) bool { return n.Name == a.name })
			if i < 0 {
				return fmt.Errorf("describe command %s: there is no such command", a.name)
			}
			node := k.Model.Children[i]
			node.Group = group
			for _, child := range node.Children {
				child.Group = below
			}
			node.Detail = strings.TrimSpace(node.Detail + "\n\nExamples:\n\n    rollcall " + strings.Join(a.examples, "\n    rollcall "))
		}
	}
	for _, node := range k.Model.Children {
		if node.Hidden {
			node.Group = group // or help has a title for it
		}
	}
	slices.SortStableFunc(k.Model.Children, func(a, b *kong.Node) int {
		return cmp.Compare(cmp.Or(rank[a.Name], len(rank)+1), cmp.Or(rank[b.Name], len(rank)+1))
	})
	return nil
}

// aboutOf is what the manual says of a command.
func aboutOf(name string) about {
	for _, p := range purposes {
		for _, a := range p.commands {
			if a.name == name {
				return a
			}
		}
	}
	return about{}
}

// leaves are the commands that can be called, below a node, in order.
func leaves(n *kong.Node) []*kong.Node {
	var all []*kong.Node
	for _, child := range n.Children {
		switch {
		case child.Hidden:
		case len(child.Children) == 0:
			all = append(all, child)
		default:
			all = append(all, leaves(child)...)
		}
	}
	return all
}

// path is how a command is called, without the program's name.
func path(n *kong.Node) string {
	if n.Parent == nil || n.Parent.Type == kong.ApplicationNode {
		return n.Name
	}
	return path(n.Parent) + " " + n.Name
}

// flagsOf are the flags of a command that people see, without --help.
func flagsOf(n *kong.Node) []*kong.Flag {
	var all []*kong.Flag
	for _, level := range n.AllFlags(true) {
		for _, f := range level {
			if f.Name != "help" {
				all = append(all, f)
			}
		}
	}
	return all
}

// flagUsage is how a flag is written: -o, --output=FILE.
func flagUsage(f *kong.Flag) string {
	text := "--" + f.Name
	if f.Short != 0 {
		text = fmt.Sprintf("-%c, %s", f.Short, text)
	}
	switch {
	case f.IsBool():
		return text
	case f.Enum != "":
		return text + "=" + strings.ReplaceAll(strings.Trim(f.Enum, ","), ",", "|")
	}
	return text + "=" + strings.ToUpper(cmp.Or(f.PlaceHolder, f.Name))
}

// argument is how a positional is written: <who>, or [<id>] where it may be left out.
func argument(v *kong.Positional) string {
	text := "<" + v.Name + ">"
	if v.Enum != "" {
		text = strings.ReplaceAll(v.Enum, ",", "|")
	}
	if !v.Required {
		return "[" + text + "]"
	}
	return text
}

// usageLine is how a command is called, with its flags.
func usageLine(n *kong.Node) string {
	words := []string{"rollcall", path(n)}
	for _, v := range n.Positional {
		words = append(words, argument(v))
	}
	for _, f := range flagsOf(n) {
		if !f.Required {
			continue
		}
		alternatives := []string{longUsage(f)}
		for _, other := range alternativesTo(n, f) {
			alternatives = append(alternatives, longUsage(other))
		}
		word := strings.Join(alternatives, " | ")
		if len(alternatives) > 1 {
			word = "(" + word + ")"
		}
		if len(alternatives) == 1 || f == firstOf(n, f) {
			words = append(words, word)
		}
	}
	return strings.Join(append(words, "[flags]"), " ")
}

// longUsage is flagUsage without the short form.
func longUsage(f *kong.Flag) string {
	text := flagUsage(f)
	return text[strings.Index(text, "--"):]
}

// alternativesTo are the other flags of which one is required.
func alternativesTo(n *kong.Node, f *kong.Flag) []*kong.Flag {
	return slices.DeleteFunc(flagsOf(n), func(other *kong.Flag) bool {
		return other == f || !other.Required || !slices.ContainsFunc(f.Xor, func(x string) bool { return slices.Contains(other.Xor, x) })
	})
}

// firstOf is the first of a flag and its alternatives.
func firstOf(n *kong.Node, f *kong.Flag) *kong.Flag {
	all := append(alternativesTo(n, f), f)
	for _, first := range flagsOf(n) {
		if slices.Contains(all, first) {
			return first
		}
	}
	return f
}

// flagHelp is what a flag does, with its default.
func flagHelp(n *kong.Node, f *kong.Flag) string {
	switch others := alternativesTo(n, f); {
	case f.Required && len(others) > 0:
		names := make([]string, len(others))
		for i, other := range others {
			names[i] = "--" + other.Name
		}
		return f.Help + " Required, or " + strings.Join(names, " or ") + "."
	case f.Required:
		return f.Help + " Required."
	case f.HasDefault && f.Default != "" && f.Default != "false":
		return f.Help + " Default: " + f.Default + "."
	}
	return f.Help
}
