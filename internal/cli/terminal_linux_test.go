package cli

import (
	"bytes"
	"fmt"
	"io"
	"os"
	"strings"
	"testing"

	"golang.org/x/sys/unix"
)

// screen is a terminal: what is written to it, and what somebody sees there when
// it is closed.
func screen(t *testing.T) (tty *os.File, seen func() string) {
	t.Helper()
	master, err := os.OpenFile("/dev/ptmx", os.O_RDWR|unix.O_NOCTTY, 0)
	if err != nil {
		t.Skipf("there are no pseudo terminals here: %v", err)
	}
	fd := int(master.Fd())
	n, err := unix.IoctlGetInt(fd, unix.TIOCGPTN)
	if err == nil {
		err = unix.IoctlSetPointerInt(fd, unix.TIOCSPTLCK, 0)
	}
	if err == nil {
		err = unix.IoctlSetWinsize(fd, unix.TIOCSWINSZ, &unix.Winsize{Row: 24, Col: 100})
	}
	if err == nil {
		tty, err = os.OpenFile(fmt.Sprint("/dev/pts/", n), os.O_RDWR|unix.O_NOCTTY, 0)
	}
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { tty.Close(); master.Close() })
	var b bytes.Buffer
	read := make(chan struct{})
	go func() {
		defer close(read)
		io.Copy(&b, master) // until the terminal is closed: EIO
	}()
	return tty, func() string {
		tty.Close()
		<-read
		return b.String()
	}
}

func TestProgressIsForTerminals(t *testing.T) {
	var b bytes.Buffer
	e := &env{stderr: &b}
	p := e.working("Planning", 100)
	p.add(10)
	p.end()
	if p != nil || b.Len() > 0 {
		t.Errorf("without a terminal it writes %q", &b)
	}
	for total, want := range map[int]string{100: "40 of 100 people", 30: "40 of 41 people", 0: "40 people"} {
		tty, seen := screen(t)
		e := &env{stderr: tty}
		p := e.working("Planning", total)
		p.add(15)
		p.add(25)
		p.end()
		if got := seen(); !strings.Contains(got, "Planning") || !strings.Contains(got, want) {
			t.Errorf("with a total of %d the terminal shows %q", total, got)
		}
	}
}

func TestColoursAreForTerminals(t *testing.T) {
	t.Setenv("TERM", "xterm")
	t.Setenv("NO_COLOR", "")
	tty, _ := screen(t)
	if !colourful(tty) || colourful(&bytes.Buffer{}) {
		t.Error("colours do not depend on the terminal")
	}
	t.Setenv("NO_COLOR", "1")
	if colourful(tty) {
		t.Error("NO_COLOR has no effect")
	}
	t.Setenv("NO_COLOR", "")
	t.Setenv("TERM", "dumb")
	if colourful(tty) {
		t.Error("a dumb terminal gets colours")
	}
}
