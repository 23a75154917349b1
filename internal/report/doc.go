// Package report turns plans, explanations, runs and questions into text for
// people, JSON for programs and CSV for spreadsheets. It reads nothing: facts
// and writers are handed in.
//
// What it writes holds member data. It is for the person who asked, and never
// for a log.
package report
