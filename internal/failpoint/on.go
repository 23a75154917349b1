//go:build failpoint

package failpoint

import (
	"fmt"
	"os"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
)

// variable is the environment variable that chooses the point.
const variable = "ROLLCALL_FAILPOINT"

// choice is a point and the time that it is come to.
type choice struct {
	point Point
	nth   int64
}

// chosen is what the environment says. A program that was told nonsense ends: a
// test would wait for a point that never comes.
var chosen = sync.OnceValue(func() (c choice) {
	text := os.Getenv(variable)
	if text == "" {
		return c
	}
	point, number, _ := strings.Cut(text, ":")
	nth, err := strconv.ParseInt(number, 10, 64)
	if err != nil || nth < 1 {
		panic(fmt.Sprintf("%s=%q is not NAME:NTH", variable, text))
	}
	return choice{Point(point), nth}
})

var times atomic.Int64

// Hit ends the process if it is at the point, for the nth time, that the environment
// names. It does not return then.
func Hit(p Point) {
	if c := chosen(); p != c.point || times.Add(1) != c.nth {
		return
	}
	if err := syscall.Kill(os.Getpid(), syscall.SIGKILL); err != nil {
		panic(err)
	}
	select {}
}
