package cli

import (
	"io"
	"time"

	"github.com/vbauerster/mpb/v8"
	"github.com/vbauerster/mpb/v8/decor"

	"rollcall/internal/app"
)

const (
	progressEvery = 200 * time.Millisecond // a change of the bar
	progressWidth = 30                     // of the bar, in characters
)

// progress shows how far long work is. The nil progress shows nothing.
type progress struct {
	all   *mpb.Progress
	bar   *mpb.Bar
	done  int
	total int
}

// working shows how far work on people is, on standard error, where somebody
// watches it. total is about how many there are, 0 where that is not known. end
// must be called before anything else is written.
func (e *env) working(what string, total int) *progress {
	if !terminal(e.stderr) {
		return nil
	}
	return newProgress(e.stderr, what, total)
}

func newProgress(w io.Writer, what string, total int) *progress {
	p := &progress{all: mpb.New(mpb.WithOutput(w), mpb.WithWidth(progressWidth), mpb.WithRefreshRate(progressEvery)), total: total}
	name := mpb.PrependDecorators(decor.Name(what + " "))
	elapsed := decor.Elapsed(decor.ET_STYLE_GO)
	if total > 0 {
		p.bar = p.all.New(int64(total), mpb.BarStyle(), name, mpb.AppendDecorators(decor.CountersNoUnit("%d of %d people, "), elapsed))
	} else {
		p.bar = p.all.New(0, mpb.SpinnerStyle(), name, mpb.AppendDecorators(decor.CurrentNoUnit("%d people, "), elapsed))
	}
	return p
}

// add says that so many more people are done.
func (p *progress) add(people int) {
	if p != nil {
		p.at(p.done+people, p.total)
	}
}

// at says how many people are done, of how many.
func (p *progress) at(people, total int) {
	if p == nil {
		return
	}
	p.done = people
	if p.total > 0 {
		p.total = max(total, people+1) // the bar ends with end
		p.bar.SetTotal(int64(p.total), false)
	}
	p.bar.SetCurrent(int64(people))
}

// end takes the bar off the terminal.
func (p *progress) end() {
	if p == nil {
		return
	}
	p.bar.Abort(true)
	p.all.Wait()
}

// watched does work that plans everybody of an association, and shows how far it
// is.
func watched(e *env, v *app.View, what string, work func() error) error {
	if !terminal(e.stderr) {
		return work()
	}
	people, err := v.Store.PeopleCounted(e.ctx)
	if err != nil {
		return err
	}
	p := e.working(what, people)
	defer p.end()
	v.Planned = p.add
	return work()
}
