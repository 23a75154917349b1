package mapper

import "strings"

const unmanagedPrefix = "unmanaged:"

// UnmanagedKey is the key of a list of the account that mirrors nothing.
func UnmanagedKey(listID string) ListKey { return ListKey(unmanagedPrefix + listID) }

// UnmanagedID is the list id in such a key; ok is false for any other key.
func UnmanagedID(key ListKey) (listID string, ok bool) {
	return strings.CutPrefix(string(key), unmanagedPrefix)
}
