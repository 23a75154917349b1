// Package memory says how much memory a bench took.
package memory

import (
	"bufio"
	"bytes"
	"errors"
	"fmt"
	"os"
)

// ResidentMiB is the most memory that this process had resident so far. It is an
// error where the system does not tell it; Linux does.
func ResidentMiB() (float64, error) {
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
