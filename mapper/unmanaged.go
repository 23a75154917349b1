package mapper

import "strings"

// UnmanagedID is the list id in such a key; ok is false for any other key.
func UnmanagedID(key ListKey) (listID string, ok bool) {
	return strings.CutPrefix(string(key), unmanagedPrefix)
}
