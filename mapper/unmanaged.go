package mapper

import "strings"

// UnmanagedID is the list id in the key of a list of the account that mirrors
// nothing; ok is false for any other key.
func UnmanagedID(key ListKey) (listID string, ok bool) {
	return strings.CutPrefix(string(key), unmanagedPrefix)
}
