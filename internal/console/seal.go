package console

import (
	"crypto/aes"
	"crypto/cipher"
	"crypto/rand"
	"encoding/base64"
	"net/http"
)

// sealer makes texts fit for an address: nobody but this process can read what
// is in them. A link made of one ends with the process.
type sealer struct{ aead cipher.AEAD }

func newSealer() (sealer, error) {
	key := make([]byte, 32)
	_, _ = rand.Read(key) // never fails; see crypto/rand
	block, err := aes.NewCipher(key)
	if err != nil {
		return sealer{}, err
	}
	aead, err := cipher.NewGCMWithRandomNonce(block)
	return sealer{aead}, err
}

// seal hides a text. What it is for is bound to it.
func (s sealer) seal(purpose, text string) string {
	if text == "" {
		return ""
	}
	return base64.RawURLEncoding.EncodeToString(s.aead.Seal(nil, nil, []byte(text), []byte(purpose)))
}

// open is the text again. The error is a *Problem.
func (s sealer) open(purpose, token string) (string, error) {
	if token == "" {
		return "", nil
	}
	raw, err := base64.RawURLEncoding.DecodeString(token)
	if err == nil {
		var text []byte
		if text, err = s.aead.Open(nil, nil, raw, []byte(purpose)); err == nil {
			return string(text), nil
		}
	}
	return "", &Problem{
		Status: http.StatusGone, What: "This link has ended.", Detail: "Links to people work until the program is started again.", Try: "Search for the person again.",
	}
}
