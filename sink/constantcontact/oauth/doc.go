// Package oauth connects Constant Contact accounts and renews their tokens:
// authorisation code with PKCE and state, and refresh tokens of both modes that
// an application can be set to, rotating and long lived.
//
// It keeps nothing. Tokens go to a function that makes them durable before they
// are returned, because in rotating mode the old refresh token is dead from the
// moment of the vendor's answer. The window between that answer and the commit no
// client can close.
//
// The caller sees to it that one refresh of a grant runs at a time over all
// processes, and branches on three outcomes: [ErrNeedsReconnect] is the end,
// [*AmbiguousError] is repeated once with the same token, and after anything else
// nothing has happened.
//
// No error of this package, and no token as it is printed or logged, contains a
// token, a code or a secret.
package oauth
