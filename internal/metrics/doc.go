// Package metrics has all metrics of Rollcall, for Prometheus, on a registry that
// is handed in. Process counts what this process does. Collector shows what the
// databases say: a round every few seconds reads it with a bounded time, and a
// scrape only copies what the last round found, so nobody can load the databases
// by scraping.
//
// Names and labels are in docs/metrics.md, which a test compares with the code.
// No label holds anything of a member. Labels are bounded: see bounds.
package metrics
