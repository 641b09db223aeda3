package main

import (
	"database/sql"
	"errors"
	"fmt"
	"strings"

	"github.com/pocketbase/pocketbase/core"
	"github.com/pocketbase/pocketbase/tools/security"

	"github.com/holdall-go/holdall/examples/conduit/collections"
)

// signedIn admits who sends a token. It is for operations that need one.
func signedIn(e *core.RequestEvent) error {
	user, err := caller(e)
	if err != nil {
		return err
	}
	if user == nil {
		return unauthorized(messageMissing)
	}
	return continueAs(e, user)
}

// anybody admits guests as well, but nobody with a broken token, who would take
// it for granted to be signed in.
func anybody(e *core.RequestEvent) error {
	user, err := caller(e)
	if err != nil {
		return err
	}
	return continueAs(e, user)
}

// everybody takes whoever has a broken token for a guest. It is for operations
// for which the contract has no refusal.
func everybody(e *core.RequestEvent) error {
	user, err := caller(e)
	if r := (*refusal)(nil); err != nil && !errors.As(err, &r) {
		return err
	}
	return continueAs(e, user)
}

// continueAs goes on as the user, nil for a guest. What PocketBase made of the
// header does not count: it takes tokens without a scheme, and superusers'.
func continueAs(e *core.RequestEvent, user *collections.User) error {
	e.Auth = nil
	if user != nil {
		e.Auth = user.ProxyRecord()
	}
	return e.Next()
}

// viewer is the id of the user whom [signedIn], [anybody] or [everybody] found,
// "" for a guest.
func viewer(e *core.RequestEvent) string {
	if e.Auth == nil {
		return ""
	}
	return e.Auth.Id
}

// tokenOf returns the token of "Authorization: Token ...", "" without one.
func tokenOf(e *core.RequestEvent) string {
	scheme, token, _ := strings.Cut(e.Request.Header.Get("Authorization"), " ")
	if !strings.EqualFold(scheme, "Token") {
		return ""
	}
	return strings.TrimSpace(token)
}

// caller returns the user whose token the request has, nil without a token.
func caller(e *core.RequestEvent) (*collections.User, error) {
	token := tokenOf(e)
	if token == "" {
		return nil, nil //nolint:nilnil // a guest is no error
	}
	record, err := e.App.FindAuthRecordByToken(token, core.TokenTypeAuth)
	if err != nil {
		return ownerOfKeptToken(e.App, token)
	}
	if record.Collection().Name != collections.Users {
		return nil, unauthorized(messageInvalid) // a superuser has no profile
	}
	return collections.UserOf(record), nil
}

// keepToken ends all sessions of the user but the one with this token.
//
// PocketBase's tokens are signed with a key of the user's, which it renews when
// the password or the email changes. That ends every session, which is right for
// all but the one that made the change: its client may go on with the token it
// has, though the answer brings a new one. So the user record remembers that
// token by its hash. The new key is part of what is hashed: when the key is
// renewed once more, by whomever, the kept token ends, too.
func keepToken(user *collections.User, token string) {
	user.RefreshTokenKey()
	user.SetKeptToken(hashOfKept(user, token))
}

func hashOfKept(user *collections.User, token string) string {
	return security.SHA256(user.TokenKey() + token)
}

// ownerOfKeptToken returns the user who kept the token. The hash stands in for
// the signature, as only a token with a good one is ever kept.
func ownerOfKeptToken(app core.App, token string) (*collections.User, error) {
	claims, err := security.ParseUnverifiedJWT(token) // refuses one that has expired
	if err != nil {
		return nil, unauthorized(messageInvalid)
	}
	id, _ := claims[core.TokenClaimId].(string)
	user, err := collections.FindUserById(app, id)
	if errors.Is(err, sql.ErrNoRows) {
		return nil, unauthorized(messageInvalid)
	}
	if err != nil {
		return nil, fmt.Errorf("find the owner of a token: %w", err)
	}
	if !security.Equal(user.KeptToken(), hashOfKept(user, token)) {
		return nil, unauthorized(messageInvalid)
	}
	return user, nil
}
