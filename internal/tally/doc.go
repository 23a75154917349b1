// Package tally counts how people stand on each list, from what the planner says
// of them: for pages that show numbers and open the people behind them.
package tally
