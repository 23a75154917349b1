package config

import (
	"fmt"
	"io"
	"log/slog"
	"os"
	"path/filepath"
	"regexp"
	"strings"
)

const secretForms = "use {env: NAME}, {file: /path} or {credential: NAME}"

// Secret says where a secret is. It never holds the secret, and it prints as
// "[secret]".
type Secret struct {
	Env        string `yaml:"env"`        // environment variable
	File       string `yaml:"file"`       // absolute path
	Credential string `yaml:"credential"` // name below systemd's $CREDENTIALS_DIRECTORY

	path    string // of the field, for errors
	written bool   // the file has the field
}

// IsSet says whether the configuration names a place.
func (s Secret) IsSet() bool { return s.Env != "" || s.File != "" || s.Credential != "" }

// String returns "[secret]".
func (Secret) String() string { return "[secret]" }

// GoString returns "[secret]".
func (Secret) GoString() string { return "[secret]" }

// LogValue returns "[secret]".
func (Secret) LogValue() slog.Value { return slog.StringValue("[secret]") }

// maxSecretBytes is far above any token.
const maxSecretBytes = 64 << 10

// Read returns the secret as it is now, without white space around it. It is
// read anew each time, so a file may be replaced while the program runs. The
// error is an *Error; an empty secret is one.
func (s Secret) Read() (string, error) {
	var value, problem string
	switch {
	case s.Env != "":
		value = os.Getenv(s.Env)
		problem = fmt.Sprintf("environment variable %s is not set or is empty: set it for this process", s.Env)
	case s.File != "":
		value, problem = readSecretFile(s.File)
	case s.Credential != "":
		dir := os.Getenv("CREDENTIALS_DIRECTORY")
		if dir == "" {
			problem = "there is no $CREDENTIALS_DIRECTORY: start with systemd and LoadCredential=" + s.Credential + ":/path"
			break
		}
		value, problem = readSecretFile(filepath.Join(dir, s.Credential))
	default:
		problem = "is not set: " + secretForms
	}
	if value = strings.TrimSpace(value); value == "" {
		return "", &Error{Problems: []Problem{{Field: s.path, Message: problem}}}
	}
	return value, nil
}

// readSecretFile returns what to say if the value is empty.
func readSecretFile(path string) (value, problem string) {
	f, err := os.Open(path)
	if err != nil {
		return "", err.Error() + ": create it, readable by this process"
	}
	defer f.Close()
	text, err := io.ReadAll(io.LimitReader(f, maxSecretBytes+1))
	if err != nil {
		return "", err.Error()
	}
	if len(text) > maxSecretBytes {
		return "", fmt.Sprintf("file %s has more than %d bytes: it is not a secret", path, maxSecretBytes)
	}
	return string(text), fmt.Sprintf("file %s is empty: write the secret into it", path)
}

var (
	// envName is stricter than the shell: a token pasted in place of the name
	// would otherwise be named in an error.
	envName        = regexp.MustCompile(`^[A-Z_][A-Z0-9_]{0,63}$`)
	credentialName = regexp.MustCompile(`^[A-Za-z][A-Za-z0-9_.-]{0,63}$`)
)

// problem says what is wrong with the place, empty when nothing is.
func (s Secret) problem() string {
	places := 0
	for _, place := range []string{s.Env, s.File, s.Credential} {
		if place != "" {
			places++
		}
	}
	switch {
	case places != 1:
		return "must name exactly one place: " + secretForms
	case s.Env != "" && !envName.MatchString(s.Env):
		return "env must be the name of a variable: capitals, digits and underscores"
	case s.File != "" && !filepath.IsAbs(s.File):
		return "file must be an absolute path"
	case s.Credential != "" && !credentialName.MatchString(s.Credential):
		return "credential must be a plain name: letters, digits, dot, dash and underscore"
	}
	return ""
}
