package cli

import (
	"fmt"
	"io"
	"slices"
	"strings"

	"github.com/alecthomas/kong"
)

type completionCommand struct {
	Shell string `arg:"" enum:"bash,zsh,fish" help:"bash, zsh or fish."`
}

// Each script asks the hidden command complete for what may come next, and falls
// back to files.
var completionScripts = map[string]string{
	"bash": `# Completion of rollcall for bash. To have it always:
#   rollcall completion bash > /etc/bash_completion.d/rollcall
_rollcall() {
    local IFS=$'\n'
    COMPREPLY=($(rollcall complete -- "${COMP_WORDS[@]:1:COMP_CWORD}" 2>/dev/null | cut -f 1))
}
complete -o default -F _rollcall rollcall
`,
	"zsh": `#compdef rollcall
# Completion of rollcall for zsh. To have it always, in a folder of $fpath:
#   rollcall completion zsh > "${fpath[1]}/_rollcall"
_rollcall() {
    local -a found
    local line
    for line in "${(@f)$(rollcall complete -- "${(@)words[2,CURRENT]}" 2>/dev/null)}"; do
        [[ -n $line ]] && found+=("${${line%%$'\t'*}//:/\\:}:${line#*$'\t'}")
    done
    if (( $#found )); then
        _describe -V rollcall found
    else
        _files
    fi
}
if [ "$funcstack[1]" = _rollcall ]; then
    _rollcall "$@"
else
    compdef _rollcall rollcall
fi
`,
	"fish": `# Completion of rollcall for fish. To have it always:
#   rollcall completion fish > ~/.config/fish/completions/rollcall.fish
function __rollcall_complete
    set -l words (commandline -opc)
    set -l found (rollcall complete -- $words[2..-1] (commandline -ct) 2>/dev/null)
    if test -n "$found[1]"
        printf '%s\n' $found
    else
        __fish_complete_path (commandline -ct)
    end
end
complete -c rollcall -f -a '(__rollcall_complete)'
`,
}

// Run prints a script for the shell to read.
func (c *completionCommand) Run(e *env) error {
	_, err := io.WriteString(e.stdout, completionScripts[c.Shell])
	return err
}

// completeCommand prints what may come next on a command line, for the scripts
// of completion: one a line, with a tab before what it does.
type completeCommand struct {
	Words []string `arg:"" optional:"" help:"The words so far; the last one is being typed."`
}

func (c *completeCommand) Run(e *env) error {
	for _, next := range complete(e.model.Node, c.Words) {
		if _, err := fmt.Fprintf(e.stdout, "%s\t%s\n", next.word, next.help); err != nil {
			return err
		}
	}
	return nil
}

type candidate struct{ word, help string }

// complete says what may come after words. The last of them is what is being
// typed, and may be empty. There is nothing to say where a text of one's own, or
// the name of a file, is to be typed.
func complete(n *kong.Node, words []string) []candidate {
	if len(words) == 0 {
		return nil
	}
	typed, before := words[len(words)-1], words[:len(words)-1]
	arguments := 0
	var value *kong.Flag // the flag whose value comes next
	for _, word := range before {
		switch {
		case word == "=": // bash takes --flag=value apart
		case value != nil:
			value = nil
		case strings.HasPrefix(word, "-"):
			value = awaits(n, word)
		default:
			child := childOf(n, word)
			if child == nil {
				arguments++
				continue
			}
			n = child
		}
	}
	if value != nil {
		if typed == "=" {
			typed = ""
		}
		return matching(enumOf(value.Value), typed)
	}
	if name, text, ok := strings.Cut(typed, "="); ok && strings.HasPrefix(name, "--") {
		flag := awaits(n, name)
		if flag == nil {
			return nil
		}
		found := matching(enumOf(flag.Value), text)
		for i := range found {
			found[i].word = name + "=" + found[i].word
		}
		return found
	}
	if strings.HasPrefix(typed, "-") {
		return matching(flagCandidates(n), typed)
	}
	if len(n.Children) > 0 && arguments == 0 {
		return matching(childCandidates(n), typed)
	}
	if arguments < len(n.Positional) {
		return matching(enumOf(n.Positional[arguments]), typed)
	}
	return nil
}

// awaits is the flag of a word that needs a value in the next one.
func awaits(n *kong.Node, word string) *kong.Flag {
	if n.DefaultCmd != nil {
		n = n.DefaultCmd
	}
	for _, f := range flagsOf(n) {
		if (word == "--"+f.Name || f.Short != 0 && word == "-"+string(f.Short)) && !f.IsBool() {
			return f
		}
	}
	return nil
}

func childOf(n *kong.Node, name string) *kong.Node {
	i := slices.IndexFunc(n.Children, func(c *kong.Node) bool { return c.Name == name && !c.Hidden })
	if i < 0 {
		return nil
	}
	return n.Children[i]
}

func childCandidates(n *kong.Node) []candidate {
	var all []candidate
	for _, c := range n.Children {
		if !c.Hidden {
			all = append(all, candidate{c.Name, c.Help})
		}
	}
	return all
}

func flagCandidates(n *kong.Node) []candidate {
	if n.DefaultCmd != nil {
		n = n.DefaultCmd
	}
	var all []candidate
	for _, f := range flagsOf(n) {
		all = append(all, candidate{"--" + f.Name, f.Help})
	}
	return append(all, candidate{"--help", "Show help."})
}

func enumOf(v *kong.Value) []candidate {
	if v.Enum == "" {
		return nil
	}
	var all []candidate
	for _, word := range v.EnumSlice() {
		all = append(all, candidate{word, v.Help})
	}
	return all
}

func matching(all []candidate, typed string) []candidate {
	return slices.DeleteFunc(all, func(c candidate) bool { return !strings.HasPrefix(c.word, typed) })
}
