// Package budget divides the calls that an API key has on a day: a part is kept
// for opt-outs, no association of the key can take what the others are
// guaranteed, and the day is paced. DESIGN.md has the rules and their reasons.
package budget
