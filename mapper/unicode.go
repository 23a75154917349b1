package mapper

import (
	"strings"

	"golang.org/x/net/idna"
)

// Unicode is the address with its domain as people write it: the other form
// under which a database may keep it.
func (a Address) Unicode() string {
	if plain(string(a)) {
		return string(a)
	}
	local, domain, _ := strings.Cut(string(a), "@")
	written, err := idna.Display.ToUnicode(domain)
	if err != nil {
		return string(a)
	}
	return local + "@" + written
}
