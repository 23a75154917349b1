package access

import (
	"errors"
	"regexp"
	"strings"
)

// ErrUserExists says that a name is taken.
var ErrUserExists = errors.New("there is a user of this name already")

// userName allows the names of systems and e-mail addresses, which proxies send.
var userName = regexp.MustCompile(`^[a-z0-9][a-z0-9._@+-]{0,126}$`)

// NameError says that something cannot be the name of a user.
type NameError struct{}

func (*NameError) Error() string {
	return "check name: it must begin with a letter or digit, and have up to 127 letters, digits, and the characters . _ @ + -"
}

// UserName checks the name of a user and returns the form in which it is kept.
func UserName(name string) (string, error) {
	if name = foldName(name); !userName.MatchString(name) {
		return "", &NameError{}
	}
	return name, nil
}

// foldName is the form in which names are kept and compared.
func foldName(name string) string { return strings.ToLower(strings.TrimSpace(name)) }
