package access

import "golang.org/x/crypto/bcrypt"

// Hurry makes a Guard refuse nobody's password without the work for it. What that
// work is, TestUnknownUserCostsAsMuch holds.
func Hurry(g *Guard) {
	g.compare = func(hash, password []byte) error {
		if string(hash) == nobodysHash {
			return bcrypt.ErrMismatchedHashAndPassword
		}
		return bcrypt.CompareHashAndPassword(hash, password)
	}
}
