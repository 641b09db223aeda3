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

// previewRequest asks what an invitation is about.
type previewRequest struct {
	Body invitationToken
}

type invitationToken struct {
	Token string `json:"token" minLength:"1" doc:"What stands after /invitation/ in the link of the mail."`
}

type invitationPreview struct {
	AccountExists bool                `json:"accountExists" doc:"Whether the address has an account, with which to sign in first."`
	Email         string              `json:"email"`
	Organization  invitedOrganization `json:"organization"`
	Role          membershipRole      `json:"role"`
}

type invitedOrganization struct {
	Name string `json:"name"`
}

// acceptanceRequest accepts an invitation. All but the token is for people who have
// no account yet.
type acceptanceRequest struct {
	Body invitationAcceptance
}

type invitationAcceptance struct {
	invitationToken
	Name            string `json:"name,omitempty" trim:"true" doc:"Of somebody who has no account yet." example:"Nora"`
	Password        string `json:"password,omitempty" format:"password" doc:"Likewise, of at least 8 characters."`
	PasswordConfirm string `json:"passwordConfirm,omitempty" format:"password" doc:"The password again."`
}

// acceptedInvitation is the answer: that of who was signed in, or that of a
// newcomer, whom it signs in as well.
type acceptedInvitation struct{ joinedOrganization }

// OneOf lists both for whoever describes the routes.
func (acceptedInvitation) OneOf() []any { return []any{joinedOrganization{}, joinedNewcomer{}} }

type joinedOrganization struct {
	Membership *core.Record `json:"membership" collection:"memberships"`
}

// joinedNewcomer is PocketBase's answer to a sign-in.
type joinedNewcomer struct {
	Token  string             `json:"token" doc:"Signs the new account in."`
	Record *core.Record       `json:"record" collection:"users"`
	Meta   joinedOrganization `json:"meta"`
}

// previewInvitation tells whoever holds a token what it is about.
func previewInvitation(e *core.RequestEvent, request *previewRequest) (*invitationPreview, error) {
	in, organization, err := openInvitation(e.App, request.Body.Token)
	if err != nil {
		return nil, answerOf(err, messageInvalidBody)
	}
	user, err := userByEmail(e.App, in.email)
	if err != nil {
		return nil, answerOf(err, "")
	}
	return &invitationPreview{
		AccountExists: user != nil, Email: in.email, Role: membershipRole(in.role),
		Organization: invitedOrganization{Name: organization.Name()},
	}, nil
}

// acceptInvitation makes the invited person a member, and gives them an account
// if they have none.
func acceptInvitation(e *core.RequestEvent, request *acceptanceRequest) (*acceptedInvitation, error) {
	in := request.Body
	invited, _, err := openInvitation(e.App, in.Token)
	if err != nil {
		return nil, answerOf(err, messageNotAccepted)
	}
	if e.Auth != nil {
		return acceptSignedIn(e, in, invited)
	}
	return nil, acceptAsNewcomer(e, in, invited)
}

// acceptSignedIn makes the caller a member. Doing so again changes nothing.
func acceptSignedIn(e *core.RequestEvent, in invitationAcceptance, invited invitation) (*acceptedInvitation, error) {
	if e.Auth.Collection().Name != collections.Users || !sameAddress(e.Auth.Email(), invited.email) {
		return nil, refusal(http.StatusForbidden, codeOtherAddress, "The invitation is for another address. Sign out and open it again.")
	}
	var membership *collections.Membership
	err := e.App.RunInTransaction(func(tx core.App) error {
		valid, _, err := openInvitation(tx, in.Token) // it may have been revoked since
		if err != nil {
			return err
		}
		membership, err = join(tx, valid, e.Auth)
		return err
	})
	if err != nil {
		return nil, answerOf(err, messageNotAccepted)
	}
	if err := apis.EnrichRecord(e, membership.ProxyRecord()); err != nil {
		return nil, answerOf(fmt.Errorf("enrich membership %s: %w", membership.Id, err), "")
	}
	return &acceptedInvitation{joinedOrganization{Membership: membership.ProxyRecord()}}, nil
}

// acceptAsNewcomer makes an account for the invited address and the membership
// in one transaction. The account is verified: the token came by mail to the
// address. It signs the newcomer in.
func acceptAsNewcomer(e *core.RequestEvent, in invitationAcceptance, invited invitation) error {
	if err := refuseAccount(e.App, invited.email); err != nil {
		return answerOf(err, messageNotAccepted)
	}
	user, err := newAccount(e.App, in, invited.email)
	if err != nil {
		return answerOf(err, messageNotAccepted)
	}
	var membership *collections.Membership
	err = e.App.RunInTransaction(func(tx core.App) error {
		valid, _, err := openInvitation(tx, in.Token)
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
	return apis.RecordAuthResponse(e, user.ProxyRecord(), "", joinedOrganization{Membership: membership.ProxyRecord()})
}

// newAccount returns the unsaved account. Hashing the password takes a tenth of
// a second, so it is done before the transaction.
func newAccount(app core.App, in invitationAcceptance, email string) (*collections.User, error) {
	err := validation.Errors{
		"password":        validation.Validate(in.Password, validation.Required),
		"passwordConfirm": validation.Validate(in.PasswordConfirm, validation.Required, validation.In(in.Password).Error("Values don't match.")),
	}.Filter()
	if err != nil {
		return nil, err
	}
	user, err := collections.NewUser(app)
	if err != nil {
		return nil, err
	}
	user.SetName(in.Name)
	user.SetEmail(email)
	user.SetVerified(true)
	user.SetPassword(in.Password)
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
