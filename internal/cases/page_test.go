package cases

import (
	"fmt"
	"regexp"
	"slices"
	"strings"
)

// Sections of docs/semantics.md whose tables hold cases.
const (
	firstSection   = 2
	reasonsSection = 9
	lastSection    = reasonsSection
)

// aCase is one row of a table of docs/semantics.md.
type aCase struct {
	section int
	name    string   // its first cell
	cells   []string // the others
}

func (c aCase) String() string { return fmt.Sprintf("section %d, %q", c.section, c.name) }

// toCome marks what is not built in docs/semantics.md.
const toCome = "**To come:**"

func (c aCase) hasToCome() bool { return strings.Contains(strings.Join(c.cells, " "), toCome) }

var heading = regexp.MustCompile(`^## (\d+)\. `)

// readSemantics returns the rows of the tables of docs/semantics.md, in order.
func readSemantics(text string) (cases []aCase) {
	section := 0
	for _, table := range tables(text, func(line string) {
		if m := heading.FindStringSubmatch(line); m != nil {
			_, _ = fmt.Sscan(m[1], &section)
		}
	}, func() int { return section }) {
		if table.section < firstSection || table.section > lastSection {
			continue
		}
		for _, cells := range table.rows {
			cases = append(cases, aCase{table.section, cells[0], cells[1:]})
		}
	}
	return cases
}

// proof is one row of docs/cases.md.
type proof struct {
	section int
	name    string
	by      string
}

func readProofs(text string) (proofs []proof, problems []string) {
	for _, table := range tables(text, func(string) {}, func() int { return 0 }) {
		for _, cells := range table.rows {
			var p proof
			if len(cells) != 3 {
				problems = append(problems, fmt.Sprintf("cases.md: a row has %d cells, not 3: %q", len(cells), cells))
				continue
			}
			if _, err := fmt.Sscan(cells[0], &p.section); err != nil {
				problems = append(problems, fmt.Sprintf("cases.md: %q is no section", cells[0]))
			}
			p.name, p.by = cells[1], cells[2]
			proofs = append(proofs, p)
		}
	}
	return proofs, problems
}

// table is a Markdown table without its head.
type table struct {
	section int
	rows    [][]string
}

// tables returns the tables of a text. Each line is shown to look before it is
// read, and section is asked where a table begins.
func tables(text string, look func(line string), section func() int) (all []table) {
	inside, head := false, true
	for line := range strings.Lines(text) {
		line = strings.TrimSpace(line)
		look(line)
		switch cells := strings.HasPrefix(line, "|"); {
		case !cells:
			inside = false
		case !inside:
			inside, head = true, true
			all = append(all, table{section: section()})
		case head: // the line of dashes
			head = false
		default:
			t := &all[len(all)-1]
			t.rows = append(t.rows, split(line))
		}
	}
	return all
}

func split(line string) []string {
	cells := strings.Split(strings.Trim(line, "|"), " |")
	for i := range cells {
		cells[i] = strings.TrimSpace(cells[i])
	}
	return cells
}

// proven is what a row of docs/cases.md names.
type proven struct {
	stories []string    // paths
	tests   [][2]string // package folder and function
	pending bool
	rest    string // what is none of these
}

var (
	story   = regexp.MustCompile("`([a-z0-9_/]+\\.txtar)`")
	test    = regexp.MustCompile("`([a-z0-9_/]+) (Test[A-Za-z0-9]*)`")
	pending = regexp.MustCompile(`pending: (Constant Contact|Postgres|console|run for years) \([^()]+\)`)
)

func (p proof) proven() proven {
	var x proven
	take := func(pattern *regexp.Regexp, text string, each func(m []string)) string {
		return pattern.ReplaceAllStringFunc(text, func(s string) string {
			each(pattern.FindStringSubmatch(s))
			return ""
		})
	}
	rest := take(story, p.by, func(m []string) { x.stories = append(x.stories, m[1]) })
	rest = take(test, rest, func(m []string) { x.tests = append(x.tests, [2]string{m[1], m[2]}) })
	rest = take(pending, rest, func([]string) { x.pending = true })
	x.rest = strings.Trim(rest, " ,")
	return x
}

// doubles names what a list has more than once.
func doubles(names []string) (twice []string) {
	names = slices.Sorted(slices.Values(names))
	for i := 1; i < len(names); i++ {
		if names[i] == names[i-1] {
			twice = append(twice, names[i])
		}
	}
	return slices.Compact(twice)
}
