// Command rollcall keeps Constant Contact lists in step with a Postgres member
// database.
package main

import (
	"os"

	"rollcall/internal/cli"
)

func main() {
	os.Exit(cli.Main(os.Args[1:], os.Stdout, os.Stderr))
}
