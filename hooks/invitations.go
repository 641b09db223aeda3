package hooks

import (
	"bytes"
	"fmt"
	htmltemplate "html/template"
	"log/slog"
	"net/http"
	"net/mail"
	"strings"
	"text/template"
	"time"
	"unicode"

	validation "github.com/pocketbase/ozzo-validation/v4"
	"github.com/pocketbase/pocketbase/core"
	"github.com/pocketbase/pocketbase/tools/mailer"
	"github.com/pocketbase/pocketbase/tools/security"

	"github.com/holdall-go/holdall/collections"
	"github.com/holdall-go/holdall/internal/apidoc"
)

// invitationLifetime is how long an invitation can be accepted.
const invitationLifetime = 7 * 24 * time.Hour

const messageNoInvitation = "The invitation was not sent."

// invitation is what a token says, signed with the organization's key.
type invitation struct {
	organization string
	email        string
	role         string
}

// Names of the claims of an invitation. None of PocketBase's own are among
// them, so it cannot pass for a token of another kind.
const (
	claimType         = "type"
	claimOrganization = "organization"
	claimEmail        = "email"
	claimRole         = "role"
	typeInvitation    = "invitation"
)

// sign returns the token that whoever gets the mail shows.
func (i invitation) sign(key string) (string, error) {
	return security.NewJWT(map[string]any{
		claimType:         typeInvitation,
		claimOrganization: i.organization,
		claimEmail:        i.email,
		claimRole:         i.role,
	}, key, invitationLifetime)
}

// invitationRequest asks for somebody to be invited.
type invitationRequest struct {
	organizationPath
	Body newInvitation
}

type newInvitation struct {
	Email string         `json:"email" trim:"true" minLength:"1" maxLength:"254" format:"email" doc:"The address to invite." example:"nora@example.com"`
	Role  membershipRole `json:"role" minLength:"1" doc:"What the invited person becomes." example:"technician"`
}

func (h *hooks) bindInvitations(api *apidoc.Router) {
	apidoc.Route(api, apidoc.Op{
		Method: http.MethodPost, Path: "/organizations/{id}/invitations", ID: "organizations.invite",
		Summary:     "Invite somebody to an organization",
		Description: "Mails a link with a token, which holds for 7 days and for the address. Nobody else gets to see the token, and nothing of it is stored.",
		Access:      apidoc.SignedIn, Collections: people, MaxBody: maxBodyBytes,
		Visible: membersWith(collections.MembershipRoleOwner),
		Errors:  []int{http.StatusNotFound},
		Problems: []apidoc.Problem{
			{Status: http.StatusBadRequest, Field: "email", Code: codeAlreadyMember, When: "the address is a member's"},
			{Status: http.StatusForbidden, Code: codeRoleNotAllowed, When: "the caller is no owner"},
			{Status: http.StatusTooManyRequests, Code: codeInvitationsMany, When: fmt.Sprintf("the caller has sent %d invitations within the hour", invitationsPerHour)},
			{Status: http.StatusInternalServerError, Code: codeInvitationUnsent, When: "the mail could not be sent"},
		},
	}, h.invite).BindFunc(admit(isOwner, "Only owners invite people."))

	invalid := apidoc.Problem{
		Status: http.StatusBadRequest, Field: "token", Code: codeInvalidInvitation,
		When: "the invitation is not valid, or not any more",
	}
	apidoc.Route(api, apidoc.Op{
		Method: http.MethodPost, Path: "/invitations/preview", ID: "invitations.preview",
		Summary: "See what an invitation is about", MaxBody: maxBodyBytes,
		Problems: []apidoc.Problem{invalid},
	}, previewInvitation)
	apidoc.Route(api, apidoc.Op{
		Method: http.MethodPost, Path: "/invitations/accept", ID: "invitations.accept",
		Summary: "Accept an invitation",
		Description: "Makes the caller a member, who is signed in with the invited address. Without a token, it makes an account for the address as well and signs in to it; " +
			"`password` and `passwordConfirm` are needed then. Accepting again changes nothing.",
		MaxBody: maxBodyBytes,
		Problems: []apidoc.Problem{
			invalid,
			{Status: http.StatusBadRequest, Field: "password", Code: "validation_required", When: "an account is to be made, and there is none"},
			{Status: http.StatusBadRequest, Field: "password", Code: "validation_min_text_constraint", When: "it is shorter than 8 characters"},
			{Status: http.StatusBadRequest, Field: "passwordConfirm", Code: "validation_in_invalid", When: "it is not the password"},
			{Status: http.StatusBadRequest, Field: "name", Code: "validation_max_text_constraint", When: "it is too long"},
			{Status: http.StatusForbidden, Code: codeSignInFirst, When: "nobody is signed in, and the address has an account"},
			{Status: http.StatusForbidden, Code: codeOtherAddress, When: "the caller has another address"},
		},
	}, acceptInvitation)
}

// invite mails an invitation to an address. Nothing of it is stored.
func (h *hooks) invite(e *core.RequestEvent, request *invitationRequest) (*apidoc.None, error) {
	organization := admitted(e).organization
	in := invitation{organization: organization.Id, email: request.Body.Email, role: string(request.Body.Role)}
	if err := refuseMember(e.App, in); err != nil {
		return nil, answerOf(err, messageNoInvitation)
	}
	if wait, ok := h.invitations.take(e.Auth.Id, h.clock.Now()); !ok && !e.HasSuperuserAuth() {
		return nil, tooMany(e, codeInvitationsMany, fmt.Sprintf("You can send %d invitations an hour. Try again later.", invitationsPerHour), wait)
	}
	key := organization.InvitationKey()
	if len(key) < minInvitationKeyLength {
		var err error
		if key, err = rotateInvitationKey(e.App, organization.Id); err != nil {
			return nil, answerOf(err, messageNoInvitation)
		}
	}
	token, err := in.sign(key)
	if err != nil {
		return nil, answerOf(fmt.Errorf("sign an invitation: %w", err), messageNoInvitation)
	}
	message, err := invitationMail(e.App.Settings().Meta, organization.Name(), in, token)
	if err != nil {
		return nil, answerOf(err, messageNoInvitation)
	}
	if err := sendWithin(h.mailTimeout, e.App.NewMailClient(), message); err != nil {
		e.App.Logger().Error("Sending an invitation failed.",
			slog.Any("error", err), slog.String("organization", organization.Id))
		return nil, refusal(http.StatusInternalServerError, codeInvitationUnsent,
			"The invitation could not be sent. Try again, or have the mail settings checked.")
	}
	return nil, nil
}

// sendWithin sends the mail, and stops waiting for it after the time: a mail
// server that takes the connection and says nothing would hold up the request
// and the end of the server. What is sent later all the same does no harm.
func sendWithin(timeout time.Duration, client mailer.Mailer, message *mailer.Message) error {
	sent := make(chan error, 1)
	go func() { sent <- client.Send(message) }()
	timer := time.NewTimer(timeout)
	defer timer.Stop()
	select {
	case err := <-sent:
		return err
	case <-timer.C:
		return fmt.Errorf("the mail server did not take the mail within %s", timeout)
	}
}

// refuseMember returns a field error when the invited address is a member's.
func refuseMember(app core.App, in invitation) error {
	user, err := userByEmail(app, in.email)
	if err != nil || user == nil {
		return err
	}
	role, err := roleOf(app, user, in.organization)
	if err != nil || role == "" {
		return err
	}
	return validation.Errors{"email": validation.NewError(codeAlreadyMember, "This person is a member already.")}
}

var textMail = template.Must(template.New("").Parse(`Hello,

you are invited to join {{.Organization}} as {{.Role}}.

Open this link to accept:
{{.Link}}

The link works for 7 days and for this address only. If you did not expect it, you can ignore this mail.
`))

var htmlMail = htmltemplate.Must(htmltemplate.New("").Parse(`<p>Hello,</p>
<p>you are invited to join <strong>{{.Organization}}</strong> as {{.Role}}.</p>
<p><a href="{{.Link}}">Accept the invitation</a></p>
<p>The link works for 7 days and for this address only. If you did not expect it, you can ignore this mail.</p>
`))

// invitationMail is the mail that carries the token. The name of the
// organization is text that its owners chose, so it is made one plain line.
func invitationMail(meta core.MetaConfig, organization string, in invitation, token string) (*mailer.Message, error) {
	content := struct{ Organization, Role, Link string }{
		Organization: singleLine(organization),
		Role:         in.role,
		Link:         strings.TrimRight(meta.AppURL, "/") + "/#/invitation/" + token,
	}
	var text, html bytes.Buffer
	if err := textMail.Execute(&text, content); err != nil {
		return nil, fmt.Errorf("write the invitation: %w", err)
	}
	if err := htmlMail.Execute(&html, content); err != nil {
		return nil, fmt.Errorf("write the invitation: %w", err)
	}
	return &mailer.Message{
		From:    mail.Address{Name: meta.SenderName, Address: meta.SenderAddress},
		To:      []mail.Address{{Address: in.email}},
		Subject: "Invitation to " + content.Organization,
		Text:    text.String(),
		HTML:    html.String(),
	}, nil
}

// singleLine replaces what could end a mail header by spaces.
func singleLine(s string) string {
	return strings.Join(strings.FieldsFunc(s, func(r rune) bool {
		return unicode.IsSpace(r) || !unicode.IsPrint(r)
	}), " ")
}

// openInvitation verifies a token and returns what it says, with its
// organization. Whatever is wrong with it, the error is the same.
func openInvitation(app core.App, token string) (invitation, *collections.Organization, error) {
	refused := validation.Errors{"token": validation.NewError(codeInvalidInvitation,
		"The invitation is not valid, or not any more. Ask for a new one.")}

	claims, err := security.ParseUnverifiedJWT(token)
	if err != nil {
		return invitation{}, nil, refused
	}
	id, _ := claims[claimOrganization].(string)
	organization, err := findIfAny(collections.FindOrganizationById(app, id))
	if err != nil {
		return invitation{}, nil, fmt.Errorf("find the organization of an invitation: %w", err)
	}
	if organization == nil || len(organization.InvitationKey()) < minInvitationKeyLength {
		return invitation{}, nil, refused
	}
	claims, err = security.ParseJWT(token, organization.InvitationKey())
	if err != nil || claims[claimType] != typeInvitation {
		return invitation{}, nil, refused
	}
	result := invitation{organization: organization.Id}
	result.email, _ = claims[claimEmail].(string)
	result.role, _ = claims[claimRole].(string)
	if result.email == "" || claims[claimOrganization] != organization.Id {
		return invitation{}, nil, refused
	}
	return result, organization, nil
}
