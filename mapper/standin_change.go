package mapper

// Change is a stand-in until branch mapper brings it.
func (r Reason) Change() string {
	if r == "" {
		return ""
	}
	return "Stand-in for what would change " + string(r) + "."
}

// Hint is a stand-in until branch mapper brings it.
func Hint(raw string) string { return "" }
