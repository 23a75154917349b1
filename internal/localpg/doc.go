// Package localpg starts a private Postgres server: for the demo, the tests and
// the benches, on a machine that may not have one.
//
// It uses the server programs it finds and otherwise fetches a pinned build.
// The server listens on 127.0.0.1 only, trusts every client there, and does not
// sync to disk: it is for data that may be lost. On Linux it cannot outlive the
// process that started it, even if that process is killed.
//
// Environment: ROLLCALL_PG_BIN names the folder with initdb and postgres; else
// ROLLCALL_PG_VERSION (14 to 18) asks for the pinned build of that version, and
// ROLLCALL_CACHE names the folder that keeps such builds.
package localpg
