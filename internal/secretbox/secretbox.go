// Package secretbox seals secrets that are kept in a database: whoever reads the
// database, or a backup of it, without a master key reads nothing, and whoever
// writes to it cannot move a sealed text to another row.
//
// A sealed text is AES-256-GCM with a random nonce, under a key that HKDF makes
// of a master key for one purpose. The row that it belongs to is bound to it as
// additional data. Several master keys can be readable; one seals.
package secretbox

import (
	"crypto/aes"
	"crypto/cipher"
	"crypto/hkdf"
	"crypto/rand"
	"crypto/sha256"
	"encoding/base64"
	"encoding/binary"
	"encoding/hex"
	"errors"
	"fmt"
	"strings"
)

const (
	// KeyBytes is the length of a master key.
	KeyBytes = 32

	version    = 1
	idBytes    = 8
	headBytes  = 1 + idBytes
	infoPrefix = "rollcall/1/"
)

// ErrTampered says that a sealed text was changed, cut, or belongs to another
// row.
var ErrTampered = errors.New("sealed text was changed, or belongs to another row")

// UnknownKeyError says that a text was sealed with a master key that is not
// among those given.
type UnknownKeyError struct {
	ID string // of the key that sealed; see Key.ID
}

// Error names the key by its id.
func (e *UnknownKeyError) Error() string {
	return "sealed with another master key (id " + e.ID + ")"
}

// Key is a master key.
type Key struct {
	secret [KeyBytes]byte
	id     [idBytes]byte
}

// ParseKey reads a master key: 32 random bytes in base64 (44 characters, as
// "openssl rand -base64 32" prints them) or in hexadecimal (64 digits). The error
// does not repeat the text.
func ParseKey(text string) (Key, error) {
	text = strings.TrimSpace(text)
	for _, decode := range []func(string) ([]byte, error){hex.DecodeString, base64.StdEncoding.DecodeString, base64.RawURLEncoding.DecodeString} {
		if raw, err := decode(text); err == nil && len(raw) == KeyBytes {
			return newKey([KeyBytes]byte(raw))
		}
	}
	return Key{}, fmt.Errorf("read master key: it is not %d bytes in base64 or hexadecimal; make one with: openssl rand -base64 %d", KeyBytes, KeyBytes)
}

func newKey(secret [KeyBytes]byte) (Key, error) {
	id, err := derive(secret, "key id", idBytes)
	if err != nil {
		return Key{}, err
	}
	return Key{secret, [idBytes]byte(id)}, nil
}

// ID names the key without telling anything about it. It is made of the key
// itself, so that no name can be given to another key by mistake.
func (k Key) ID() string { return hex.EncodeToString(k.id[:]) }

// String returns "[secret]".
func (Key) String() string { return "[secret]" }

// GoString returns "[secret]".
func (Key) GoString() string { return "[secret]" }

func derive(secret [KeyBytes]byte, info string, length int) ([]byte, error) {
	return hkdf.Key(sha256.New, secret[:], nil, infoPrefix+info, length)
}

// Box seals and opens the secrets of one purpose. It is safe for concurrent use.
type Box struct {
	writes [idBytes]byte
	keys   map[[idBytes]byte]cipher.AEAD
}

// New returns a box for a purpose, such as "oauth tokens". The first key seals,
// all of them open. What one purpose sealed no other opens.
func New(purpose string, keys ...Key) (*Box, error) {
	if len(keys) == 0 {
		return nil, errors.New("make secret box: there is no master key")
	}
	b := &Box{writes: keys[0].id, keys: map[[idBytes]byte]cipher.AEAD{}}
	for _, key := range keys {
		derived, err := derive(key.secret, "seal "+purpose, KeyBytes)
		if err != nil {
			return nil, fmt.Errorf("make secret box: %w", err)
		}
		block, err := aes.NewCipher(derived)
		if err != nil {
			return nil, fmt.Errorf("make secret box: %w", err)
		}
		// A random nonce of 96 bits is safe for 2³² texts by one key. A token is
		// sealed a few times a day.
		if b.keys[key.id], err = cipher.NewGCM(block); err != nil {
			return nil, fmt.Errorf("make secret box: %w", err)
		}
	}
	return b, nil
}

// Seal seals a text for a row, which is named by its keys and the column.
func (b *Box) Seal(plain []byte, row ...string) []byte {
	aead := b.keys[b.writes]
	sealed := make([]byte, headBytes+aead.NonceSize(), headBytes+aead.NonceSize()+len(plain)+aead.Overhead())
	sealed[0] = version
	copy(sealed[1:], b.writes[:])
	nonce := sealed[headBytes:]
	_, _ = rand.Read(nonce) // never fails: the program ends when the system has no randomness
	return aead.Seal(sealed, nonce, plain, bound(sealed[:headBytes], row))
}

// Open opens what Seal sealed for the same row. The error is ErrTampered or an
// *UnknownKeyError.
func (b *Box) Open(sealed []byte, row ...string) ([]byte, error) {
	if len(sealed) < headBytes || sealed[0] != version {
		return nil, ErrTampered
	}
	id := [idBytes]byte(sealed[1:headBytes])
	aead := b.keys[id]
	if aead == nil {
		return nil, &UnknownKeyError{ID: hex.EncodeToString(id[:])}
	}
	rest := sealed[headBytes:]
	if len(rest) < aead.NonceSize() {
		return nil, ErrTampered
	}
	plain, err := aead.Open(nil, rest[:aead.NonceSize()], rest[aead.NonceSize():], bound(sealed[:headBytes], row))
	if err != nil {
		return nil, ErrTampered
	}
	return plain, nil
}

// Old says that a text was sealed with a key that only opens: it should be sealed
// anew before that key goes.
func (b *Box) Old(sealed []byte) bool {
	return len(sealed) >= headBytes && [idBytes]byte(sealed[1:headBytes]) != b.writes
}

// bound is the additional data: the head, and the parts of the row, each after
// its length, so that no two rows read alike.
func bound(head []byte, row []string) []byte {
	data := append([]byte(nil), head...)
	for _, part := range row {
		data = binary.BigEndian.AppendUint32(data, uint32(len(part)))
		data = append(data, part...)
	}
	return data
}
