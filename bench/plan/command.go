package main

import (
	"errors"
	"fmt"
	"io"
	"os"

	"rollcall/bench/memory"
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
	mib, err := memory.ResidentMiB()
	if err != nil {
		return err
	}
	fmt.Println(mib)
	return nil
}
