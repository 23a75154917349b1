package secretbox

import (
	"bytes"
	"encoding/base64"
	"encoding/hex"
	"errors"
	"fmt"
	"strings"
	"testing"

	"pgregory.net/rapid"
)

// keyOf is a master key of one repeated byte.
func keyOf(t testing.TB, b byte) Key {
	t.Helper()
	key, err := ParseKey(hex.EncodeToString(bytes.Repeat([]byte{b}, KeyBytes)))
	if err != nil {
		t.Fatal(err)
	}
	return key
}

func boxOf(t testing.TB, purpose string, keys ...Key) *Box {
	t.Helper()
	box, err := New(purpose, keys...)
	if err != nil {
		t.Fatal(err)
	}
	return box
}

func TestSealedOpensInItsRowOnly(t *testing.T) {
	box := boxOf(t, "tokens", keyOf(t, 1))
	sealed := box.Seal([]byte("zz-canary"), "chamber", "1", "refresh")
	if bytes.Contains(sealed, []byte("zz-canary")) {
		t.Error("the text can be read")
	}
	plain, err := box.Open(sealed, "chamber", "1", "refresh")
	if err != nil || string(plain) != "zz-canary" {
		t.Fatalf("opened %q, %v", plain, err)
	}
	for _, row := range [][]string{
		{"chamber", "2", "refresh"}, {"chamber", "1", "access"}, {"chamber1", "", "refresh"}, {"chamber", "1"}, {"chamber", "1", "refresh", ""}, nil,
	} {
		if _, err := box.Open(sealed, row...); !errors.Is(err, ErrTampered) {
			t.Errorf("row %q: %v", row, err)
		}
	}
	if again := box.Seal([]byte("zz-canary"), "chamber", "1", "refresh"); bytes.Equal(again, sealed) {
		t.Error("two sealings of a text are the same")
	}
}

func TestEveryChangedByteIsSeen(t *testing.T) {
	box := boxOf(t, "tokens", keyOf(t, 1))
	sealed := box.Seal([]byte("text"), "row")
	for i := range sealed {
		changed := bytes.Clone(sealed)
		changed[i] ^= 1
		plain, err := box.Open(changed, "row")
		unknown, _ := errors.AsType[*UnknownKeyError](err)
		inID := i > 0 && i < headBytes
		if plain != nil || inID != (unknown != nil) || !inID && !errors.Is(err, ErrTampered) {
			t.Errorf("byte %d: %q, %v", i, plain, err)
		}
	}
	for n := range sealed {
		if _, err := box.Open(sealed[:n], "row"); err == nil {
			t.Errorf("the first %d bytes open", n)
		}
	}
	if _, err := box.Open(append(bytes.Clone(sealed), 0), "row"); !errors.Is(err, ErrTampered) {
		t.Errorf("with a byte more: %v", err)
	}
}

func TestPurposesAreApart(t *testing.T) {
	sealed := boxOf(t, "tokens", keyOf(t, 1)).Seal([]byte("text"), "row")
	if _, err := boxOf(t, "sessions", keyOf(t, 1)).Open(sealed, "row"); !errors.Is(err, ErrTampered) {
		t.Errorf("another purpose: %v", err)
	}
}

// Keys are changed by putting the new one first, sealing anew, and taking the
// old one out.
func TestKeysAreChanged(t *testing.T) {
	old, fresh := keyOf(t, 1), keyOf(t, 2)
	before, both, after := boxOf(t, "tokens", old), boxOf(t, "tokens", fresh, old), boxOf(t, "tokens", fresh)
	sealed := before.Seal([]byte("text"), "row")
	if before.Old(sealed) || !both.Old(sealed) {
		t.Errorf("old before %v, with both %v", before.Old(sealed), both.Old(sealed))
	}
	plain, err := both.Open(sealed, "row")
	if err != nil {
		t.Fatal(err)
	}
	_, err = after.Open(sealed, "row")
	if unknown, ok := errors.AsType[*UnknownKeyError](err); !ok || unknown.ID != old.ID() {
		t.Errorf("without the old key: %v", err)
	}
	renewed := both.Seal(plain, "row")
	if both.Old(renewed) {
		t.Error("sealed with the old key")
	}
	if plain, err := after.Open(renewed, "row"); err != nil || string(plain) != "text" {
		t.Errorf("opened %q, %v", plain, err)
	}
}

func TestKeysAreRead(t *testing.T) {
	raw := bytes.Repeat([]byte{0xfb}, KeyBytes)
	want := keyOf(t, 0xfb)
	for _, text := range []string{hex.EncodeToString(raw), base64.StdEncoding.EncodeToString(raw) + "\n", base64.RawURLEncoding.EncodeToString(raw)} {
		if key, err := ParseKey(text); err != nil || key != want {
			t.Errorf("a key of %d characters: %v", len(text), err)
		}
	}
	for _, text := range []string{"", "zz-canary", hex.EncodeToString(raw[1:]), base64.StdEncoding.EncodeToString(append(raw, 0))} {
		if _, err := ParseKey(text); err == nil || strings.Contains(err.Error(), "zz-canary") {
			t.Errorf("a key of %d characters: %v", len(text), err)
		}
	}
	if _, err := New("tokens"); err == nil {
		t.Error("a box without a key")
	}
	if text := fmt.Sprintf("%v %+v %#v %s", want, want, want, want); strings.Contains(text, "251") || strings.Contains(text, "fb") {
		t.Errorf("printed %s", text)
	}
}

func TestAnythingComesBack(t *testing.T) {
	box := boxOf(t, "tokens", keyOf(t, 1), keyOf(t, 2))
	rapid.Check(t, func(t *rapid.T) {
		plain := rapid.SliceOf(rapid.Byte()).Draw(t, "plain")
		row := rapid.SliceOf(rapid.String()).Draw(t, "row")
		opened, err := box.Open(box.Seal(plain, row...), row...)
		if err != nil || !bytes.Equal(opened, plain) {
			t.Fatalf("%d bytes came back as %d: %v", len(plain), len(opened), err)
		}
	})
}
