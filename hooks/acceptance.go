package hooks

import (
	"database/sql"
	"errors"
	"fmt"
	"net/http"
	"strings"

	"github.com/pocketbase/dbx"
	validation "github.com/pocketbase/ozzo-validation/v4"
	"github.com/pocketbase/pocketbase/apis"
	"github.com/pocketbase/pocketbase/core"

	"github.com/holdall-go/holdall/collections"
)

const messageNotAccepted = "The invitation was not accepted."

// acceptance is the body of a request that accepts an invitation. All but the
// token is for people who have no account yet.
type acceptance struct {
	token           string
	name            string
	password        string
	passwordConfirm string
}

func readAcceptance(e *core.RequestEvent) (acceptance, error) {
	var in acceptance
	err := readBody(e, map[string]*string{
		"token":           &in.token,
		"name":            &in.name,
		"password":        &in.password,
		"passwordConfirm": &in.passwordConfirm,
	})
	if err != nil {
		return in, err
	}
	in.name = strings.TrimSpace(in.name)
	return in, requireToken(in.token)
}

func requireToken(token string) error {
	if err := validation.Validate(token, validation.Required); err != nil {
		return apis.NewBadRequestError(messageInvalidBody, validation.Errors{"token": err})
	}
	return nil
}

// previewInvitation tells whoever holds a token what it is about.
func (h *hooks) previewInvitation(e *core.RequestEvent) error {
	var token string
	if err := readBody(e, map[string]*string{"token": &token}); err != nil {
		return answerOf(err, messageInvalidBody)
	}
	if err := requireToken(token); err != nil {
		return answerOf(err, messageInvalidBody)
	}
	in, organization, err := openInvitation(e.App, token)
	if err != nil {
		return answerOf(err, messageInvalidBody)
	}
	user, err := userByEmail(e.App, in.email)
	if err != nil {
		return answerOf(err, "")
	}
	return e.JSON(http.StatusOK, map[string]any{
		"organization":  map[string]any{"name": organization.Name()},
		"email":         in.email,
		"role":          in.role,
		"accountExists": user != nil,
	})
}

// acceptInvitation makes the invited person a member, and gives them an account
// if they have none.
func (h *hooks) acceptInvitation(e *core.RequestEvent) error {
	in, err := readAcceptance(e)
	if err != nil {
		return answerOf(err, messageInvalidBody)
	}
	invited, _, err := openInvitation(e.App, in.token)
	if err != nil {
		return answerOf(err, messageNotAccepted)
	}
	if e.Auth != nil {
		return acceptSignedIn(e, in, invited)
	}
	return acceptAsNewcomer(e, in, invited)
}

// acceptSignedIn makes the caller a member. Doing so again changes nothing.
func acceptSignedIn(e *core.RequestEvent, in acceptance, invited invitation) error {
	if e.Auth.Collection().Name != collections.Users || !sameAddress(e.Auth.Email(), invited.email) {
		return refusal(http.StatusForbidden, codeOtherAddress, "The invitation is for another address. Sign out and open it again.")
	}
	var membership *collections.Membership
	err := e.App.RunInTransaction(func(tx core.App) error {
		valid, _, err := openInvitation(tx, in.token) // it may have been revoked since
		if err != nil {
			return err
		}
		membership, err = join(tx, valid, e.Auth)
		return err
	})
	if err != nil {
		return answerOf(err, messageNotAccepted)
	}
	if err := apis.EnrichRecord(e, membership.ProxyRecord()); err != nil {
		return answerOf(fmt.Errorf("enrich membership %s: %w", membership.Id, err), "")
	}
	return e.JSON(http.StatusOK, map[string]any{"membership": membership.ProxyRecord()})
}

// acceptAsNewcomer makes an account for the invited address and the membership
// in one transaction. The account is verified: the token came by mail to the
// address. It signs the newcomer in.
func acceptAsNewcomer(e *core.RequestEvent, in acceptance, invited invitation) error {
	if err := refuseAccount(e.App, invited.email); err != nil {
		return answerOf(err, messageNotAccepted)
	}
	user, err := newAccount(e.App, in, invited.email)
	if err != nil {
		return answerOf(err, messageNotAccepted)
	}
	var membership *collections.Membership
	err = e.App.RunInTransaction(func(tx core.App) error {
		valid, _, err := openInvitation(tx, in.token)
		if err != nil {
			return err
		}
		if err := refuseAccount(tx, valid.email); err != nil { // made by the same invitation just now
			return err
		}
		if err := tx.Save(user); err != nil {
			return fmt.Errorf("create the account of an invited person: %w", err)
		}
		membership, err = join(tx, valid, user.ProxyRecord())
		return err
	})
	if err != nil {
		return answerOf(err, messageNotAccepted)
	}
	return apis.RecordAuthResponse(e, user.ProxyRecord(), "", map[string]any{"membership": membership.ProxyRecord()})
}

// newAccount returns the unsaved account. Hashing the password takes a tenth of
// a second, so it is done before the transaction.
func newAccount(app core.App, in acceptance, email string) (*collections.User, error) {
	err := validation.Errors{
		"password":        validation.Validate(in.password, validation.Required),
		"passwordConfirm": validation.Validate(in.passwordConfirm, validation.Required, validation.In(in.password).Error("Values don't match.")),
	}.Filter()
	if err != nil {
		return nil, err
	}
	user, err := collections.NewUser(app)
	if err != nil {
		return nil, err
	}
	user.SetName(in.name)
	user.SetEmail(email)
	user.SetVerified(true)
	user.SetPassword(in.password)
	return user, nil
}

// refuseAccount asks for signing in where the address has an account.
func refuseAccount(app core.App, email string) error {
	user, err := userByEmail(app, email)
	if err != nil || user == nil {
		return err
	}
	return refusal(http.StatusForbidden, codeSignInFirst, "There is an account with this address. Sign in and open the invitation again.")
}

// join returns the user's membership, a new one if there is none.
func join(tx core.App, invited invitation, user *core.Record) (*collections.Membership, error) {
	existing := &collections.Membership{}
	err := tx.RecordQuery(collections.Memberships).
		AndWhere(dbx.HashExp{
			collections.MembershipFieldOrganization: invited.organization,
			collections.MembershipFieldUser:         user.Id,
		}).
		Limit(1).
		One(existing)
	if err == nil {
		return existing, nil
	}
	if !errors.Is(err, sql.ErrNoRows) {
		return nil, fmt.Errorf("find the membership of user %s: %w", user.Id, err)
	}
	membership, err := collections.NewMembership(tx)
	if err != nil {
		return nil, err
	}
	membership.SetOrganization(invited.organization)
	membership.SetUser(user.Id)
	membership.SetRole(invited.role)
	if err := tx.Save(membership); err != nil {
		return nil, fmt.Errorf("make user %s a member: %w", user.Id, err)
	}
	return membership, nil
}

// userByEmail returns the user with the address, nil if there is none. Where
// nobody has it as written, its case does not matter: mail finds its way
// whatever the case, and people do not remember which one they signed up with.
func userByEmail(app core.App, email string) (*core.Record, error) {
	user, err := findIfAny(app.FindAuthRecordByEmail(collections.Users, email))
	if err != nil {
		return nil, fmt.Errorf("find a user by address: %w", err)
	}
	if user != nil {
		return user, nil
	}
	user = &core.Record{}
	err = app.RecordQuery(collections.Users).
		AndWhere(dbx.NewExp("[[email]] = {:email} COLLATE NOCASE", dbx.Params{"email": email})).
		OrderBy(collections.UserFieldCreated).
		Limit(1).
		One(user)
	if user, err = findIfAny(user, err); err != nil {
		return nil, fmt.Errorf("find a user by address: %w", err)
	}
	return user, nil
}

// sameAddress compares as [userByEmail] does: only ASCII letters have a case.
func sameAddress(a, b string) bool {
	return a != "" && asciiLower(a) == asciiLower(b)
}

func asciiLower(s string) string {
	return strings.Map(func(r rune) rune {
		if 'A' <= r && r <= 'Z' {
			return r + 'a' - 'A'
		}
		return r
	}, s)
}

// findIfAny turns the error for no row into nil, nil.
func findIfAny[T any](found *T, err error) (*T, error) {
	if errors.Is(err, sql.ErrNoRows) {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	return found, nil
}
