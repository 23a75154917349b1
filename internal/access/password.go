package access

import (
	"fmt"
	"strings"
	"unicode/utf8"

	"golang.org/x/crypto/bcrypt"
)

const (
	// PasswordCost makes a check take about a quarter of a second of one CPU.
	PasswordCost = 12
	// minPassword is in characters, maxPassword in bytes: bcrypt reads no more.
	minPassword = 12
	maxPassword = 72
	// hashers is how many passwords are checked at the same time.
	hashers = 2
)

// nobodysHash is compared with where there is no user, or one without a
// password. It has PasswordCost, and is that of 32 random bytes that nobody kept.
const nobodysHash = "$2a$12$IyKIWxgbG.AuNlYYdrXtJu7J/prOfXnJj9iSrMmDLI0m/C1YcjYsC"

// PasswordError says why something cannot be a password. It does not repeat it.
type PasswordError struct{ Problem string }

func (e *PasswordError) Error() string { return "check password: " + e.Problem }

// HashPassword checks a new password of a user and returns what is kept of it.
// The error is a *PasswordError for one that is not good enough.
func HashPassword(name, password string) (string, error) {
	switch {
	case utf8.RuneCountInString(password) < minPassword:
		return "", &PasswordError{fmt.Sprintf("it must have at least %d characters", minPassword)}
	case len(password) > maxPassword:
		return "", &PasswordError{fmt.Sprintf("it must have at most %d bytes", maxPassword)}
	case strings.EqualFold(password, name), strings.Count(password, password[:1]) == len(password):
		return "", &PasswordError{"it is too easy to guess"}
	}
	hash, err := bcrypt.GenerateFromPassword([]byte(password), PasswordCost)
	if err != nil {
		return "", fmt.Errorf("hash password: %w", err)
	}
	return string(hash), nil
}
