package main

import (
	"bufio"
	"bytes"
	"errors"
	"fmt"
	"io"
	"os"

	"rollcall/internal/cli"
)

// command runs rollcall plan and prints the most resident memory that it had,
// in MiB. Argument: the configuration.
func command(args []string) error {
	if len(args) != 1 {
		return errors.New("the command takes a configuration")
	}
	if code := cli.Main([]string{"plan", "-c", args[0]}, io.Discard, os.Stderr); code != cli.ExitOK {
		return fmt.Errorf("rollcall plan exits with %d", code)
	}
	mib, err := residentMiB()
	if err != nil {
		return err
	}
	fmt.Println(mib)
	return nil
}

// residentMiB is the most memory that this process had resident.
func residentMiB() (float64, error) {
	status, err := os.ReadFile("/proc/self/status")
	if err != nil {
		return 0, fmt.Errorf("read own memory: %w", err)
	}
	lines := bufio.NewScanner(bytes.NewReader(status))
	for lines.Scan() {
		var kib float64
		if _, err := fmt.Sscanf(lines.Text(), "VmHWM: %f kB", &kib); err == nil {
			return kib / 1024, nil
		}
	}
	return 0, errors.New("read own memory: this system does not tell it")
}
