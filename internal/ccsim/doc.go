// Package ccsim simulates the part of Constant Contact's V3 API that a
// membership sync uses: OAuth, contacts, lists, custom fields and asynchronous
// bulk activities, with the vendor's limits, error bodies and traps.
//
// It knows nothing of Rollcall. Controls stand for what people do in Constant
// Contact's own pages, and a referee notes what no client may do. DESIGN.md
// lists the controls and what is not simulated.
package ccsim
