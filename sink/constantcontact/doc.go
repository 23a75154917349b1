// Package constantcontact is a typed client for the part of Constant Contact's
// V3 API that a membership sync needs: lists, contacts, custom fields, bulk
// activities, exports, and the account's summary and privileges.
//
// What it does not have is deliberate. There is no sign_up_form (it makes
// people explicit who unsubscribed), no DELETE, and no way to send a permission
// or list memberships in the PUT of a contact: those are how integrations put
// people back who had left, or lost them.
//
// Every attempt passes the limiter first and then asks for a token. Reads are
// repeated for a short while; a request that changes something is repeated
// only when Constant Contact said that it was throttled, because then it was
// not applied. Whether any other failed request may have been applied is what
// [MayHaveApplied] answers.
//
// No error of this package contains a query string, a cursor or an e-mail
// address.
package constantcontact
