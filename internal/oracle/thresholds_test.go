package oracle

// thresholds are what holds removals for their number (section 6).
type thresholds struct {
	off                       bool
	few, percent, many, small int
}
