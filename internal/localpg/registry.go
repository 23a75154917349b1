package localpg

import (
	"bufio"
	"context"
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
)

var errNoRegistry = errors.New("fetch Postgres: npm's configuration names no registry: install Postgres (on Debian the package postgresql) or npm, " +
	"name the server programs in ROLLCALL_PG_BIN, or set npm_config_registry")

// registry is the base address of npm's registry, with a slash at its end. It is
// read from npm's own configuration, so that a mirror is respected.
func registry(ctx context.Context) (string, error) {
	out, _ := exec.CommandContext(ctx, "npm", "config", "get", "registry").Output() // no npm, no answer
	found := []string{string(out), os.Getenv("npm_config_registry"), os.Getenv("NPM_CONFIG_REGISTRY")}
	if home, err := os.UserHomeDir(); err == nil {
		found = append(found, npmrc(filepath.Join(home, ".npmrc")))
	}
	for _, address := range found {
		address = strings.TrimSpace(address)
		if strings.HasPrefix(address, "https://") || strings.HasPrefix(address, "http://") {
			return strings.TrimSuffix(address, "/") + "/", nil
		}
	}
	return "", errNoRegistry
}

// npmrc is the registry that a file of npm settings names, or nothing.
func npmrc(file string) string {
	f, err := os.Open(file)
	if err != nil {
		return ""
	}
	defer f.Close()
	for lines := bufio.NewScanner(f); lines.Scan(); {
		name, value, _ := strings.Cut(lines.Text(), "=")
		if strings.TrimSpace(name) == "registry" {
			return strings.Trim(strings.TrimSpace(value), `"'`)
		}
	}
	return ""
}
