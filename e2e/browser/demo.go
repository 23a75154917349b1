package main

import (
	"bufio"
	"bytes"
	"context"
	"fmt"
	"os/exec"
	"regexp"
	"runtime"
	"syscall"
)

// demo is a demonstration that was left running.
type demo struct {
	console  string // its address, without a slash at the end
	database string // URL of its member database, as the server's superuser
	user     string
	password string
	stop     func()
}

var (
	consoleLine = regexp.MustCompile(`^\s*console\s+(http://\S+?)/?$`)
	dataLine    = regexp.MustCompile(`^\s*database\s+(postgres://\S+)$`)
	loginLine   = regexp.MustCompile(`^\s*login\s+(\S+), password (\S+)$`)
)

// start runs the program's demonstration until stop, and waits for its console,
// which takes as long as the office's day.
func start(ctx context.Context, program string) (*demo, error) {
	// The child goes with the thread that made it.
	runtime.LockOSThread()
	ctx, cancel := context.WithCancel(ctx)
	command := exec.CommandContext(ctx, program, "demo", "--keep")
	command.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGTERM}
	command.Cancel = func() error { return command.Process.Signal(syscall.SIGTERM) }
	var complaints bytes.Buffer
	command.Stderr = &complaints
	out, err := command.StdoutPipe()
	if err == nil {
		err = command.Start()
	}
	if err != nil {
		cancel()
		return nil, fmt.Errorf("start %s demo --keep: %w", program, err)
	}
	d := &demo{stop: func() { cancel(); _ = command.Wait(); runtime.UnlockOSThread() }}
	last := ""
	for lines := bufio.NewScanner(out); lines.Scan(); {
		last = lines.Text()
		if found := consoleLine.FindStringSubmatch(last); found != nil {
			d.console = found[1]
		}
		if found := loginLine.FindStringSubmatch(last); found != nil {
			d.user, d.password = found[1], found[2]
		}
		if found := dataLine.FindStringSubmatch(last); found != nil {
			d.database = found[1]
			return d, nil
		}
	}
	d.stop()
	return nil, fmt.Errorf("the demonstration ended: %s %s", last, complaints.String())
}
