package hooks

import (
	"context"
	"crypto/rand"
	"crypto/sha256"
	"database/sql"
	"encoding/base32"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/pocketbase/dbx"
	validation "github.com/pocketbase/ozzo-validation/v4"
	"github.com/pocketbase/pocketbase/core"
	"github.com/pocketbase/pocketbase/tools/types"

	"github.com/holdall-go/holdall/collections"
	"github.com/holdall-go/holdall/internal/apidoc"
)

// ERPPath is where the ERP system of an organization sends its messages. Whoever
// receives them verifies them with [ERPSecrets] and hands them to [TakeERPMessage].
const ERPPath = "/api/v1/hooks/erp/{" + ERPOrganization + "}"

// ERPOrganization names the wildcard of [ERPPath], the organization's id.
const ERPOrganization = "organization"

// erpOverlap is how long an old secret is still good after it was replaced.
const erpOverlap = 24 * time.Hour

// erpOrderCreated is the one type of message that there is.
const erpOrderCreated = "order.created"

// erpKeys are the secrets of Standard Webhooks that an organization shares with
// its ERP. They are kept like the invitation key: hidden, and no save of the
// organization changes them.
type erpKeys struct {
	Secret        string    `json:"secret"`
	Previous      string    `json:"previous,omitempty"`
	PreviousUntil time.Time `json:"previousUntil,omitzero"`
}

func erpKeysOf(organization *collections.Organization) (erpKeys, error) {
	var keys erpKeys
	raw := organization.ErpKeys()
	if len(raw) == 0 {
		return keys, nil
	}
	if err := json.Unmarshal(raw, &keys); err != nil {
		return keys, fmt.Errorf("read the ERP keys of organization %s: %w", organization.Id, err)
	}
	return keys, nil
}

// ERPSecrets returns the secrets with which the ERP of an organization may sign
// now. There are none if the organization has not asked for one, or is not there.
func ERPSecrets(app core.App, organization string, now time.Time) ([]string, error) {
	found, err := collections.FindOrganizationById(app, organization)
	if errors.Is(err, sql.ErrNoRows) {
		return nil, nil
	}
	if err != nil {
		return nil, fmt.Errorf("find organization %s: %w", organization, err)
	}
	keys, err := erpKeysOf(found)
	if err != nil || keys.Secret == "" {
		return nil, err
	}
	if keys.Previous != "" && now.Before(keys.PreviousUntil) {
		return []string{keys.Secret, keys.Previous}, nil
	}
	return []string{keys.Secret}, nil
}

// erpSecret is what an owner gives to the ERP.
type erpSecret struct {
	Path          string     `json:"path" doc:"Where the ERP sends its messages."`
	PreviousUntil *time.Time `json:"previousUntil,omitempty" doc:"How long the secret before is still good, if there was one."`
	Secret        string     `json:"secret" doc:"Signs the messages, by Standard Webhooks. It is not shown again." example:"whsec_bm90IGEgc2VjcmV0"`
}

func (h *hooks) bindERP(api *apidoc.Router) {
	op := apidoc.Op{
		Method: http.MethodPost, Path: "/organizations/{id}/erp-secret", ID: "organizations.rotateERPSecret",
		Summary:     "Connect the ERP of an organization",
		Description: "Makes a secret for it. One that there was before is still good for a day.",
		Access:      apidoc.SignedIn, Collections: people, MaxBody: maxBodyBytes,
		Visible:  membersWith(collections.MembershipRoleOwner),
		Errors:   []int{http.StatusNotFound},
		Problems: []apidoc.Problem{{Status: http.StatusForbidden, Code: codeRoleNotAllowed, When: "the caller is no owner"}},
	}
	apidoc.Route(api, op, h.rotateERPSecret).BindFunc(admit(isOwner, "Only owners connect an ERP."))
	op.Method, op.ID, op.Summary = http.MethodDelete, "organizations.revokeERPSecret", "Disconnect the ERP of an organization"
	op.Description = "No message of it is accepted any more."
	apidoc.Route(api, op, revokeERPSecret).BindFunc(admit(isOwner, "Only owners disconnect an ERP."))

	// which whoever receives the messages binds
	apidoc.Describe[erpRequest, apidoc.None](api, apidoc.Op{
		Method: http.MethodPost, Path: strings.TrimPrefix(ERPPath, "/api/v1"), ID: "organizations.erpMessage",
		Tags:    []string{"organizations"},
		Summary: "Tell of an order, as an ERP",
		Description: "Creates a draft of the order, once for each `webhook-id`. The answer says that the message is stored; " +
			"what is wrong with its body is for the inbox of the operator.",
		AnyContentType: true,
		Errors:         []int{http.StatusUnauthorized},
	})
}

// rotateERPSecret gives the organization a new secret for its ERP and shows it,
// this once. The one before is good for another day.
func (h *hooks) rotateERPSecret(e *core.RequestEvent, _ *organizationPath) (*erpSecret, error) {
	organization := admitted(e).organization
	var keys erpKeys
	err := e.App.RunInTransaction(func(tx core.App) error {
		fresh, err := collections.FindOrganizationById(tx, organization.Id)
		if err != nil {
			return err
		}
		old, err := erpKeysOf(fresh)
		if err != nil {
			return err
		}
		keys = erpKeys{Secret: newERPSecret()}
		if old.Secret != "" {
			keys.Previous, keys.PreviousUntil = old.Secret, h.clock.Now().Add(erpOverlap).UTC().Truncate(time.Second)
		}
		return saveERPKeys(tx, fresh.Id, keys)
	})
	if err != nil {
		return nil, answerOf(err, "")
	}
	e.Response.Header().Set("Cache-Control", "no-store")
	answer := &erpSecret{Path: strings.ReplaceAll(ERPPath, "{"+ERPOrganization+"}", organization.Id), Secret: keys.Secret}
	if keys.Previous != "" {
		answer.PreviousUntil = &keys.PreviousUntil
	}
	return answer, nil
}

// revokeERPSecret ends what the ERP of the organization may send, at once.
func revokeERPSecret(e *core.RequestEvent, _ *organizationPath) (*apidoc.None, error) {
	if err := saveERPKeys(e.App, admitted(e).organization.Id, erpKeys{}); err != nil {
		return nil, answerOf(err, "")
	}
	return nil, nil
}

// newERPSecret returns a secret as Standard Webhooks has them.
func newERPSecret() string {
	key := make([]byte, 32)
	_, _ = rand.Read(key) // never fails
	return "whsec_" + base64.StdEncoding.EncodeToString(key)
}

// saveERPKeys writes past the record, since nobody is to be told of a hidden field.
func saveERPKeys(app core.App, organization string, keys erpKeys) error {
	raw := types.JSONRaw("null")
	if keys.Secret != "" {
		encoded, err := json.Marshal(keys) //nolint:gosec // it goes into a hidden field
		if err != nil {
			return fmt.Errorf("encode ERP keys: %w", err)
		}
		raw = encoded
	}
	_, err := app.DB().
		Update(collections.Organizations,
			dbx.Params{collections.OrganizationFieldErpKeys: raw},
			dbx.HashExp{collections.OrganizationFieldID: organization}).
		Execute()
	if err != nil {
		return fmt.Errorf("save the ERP keys of organization %s: %w", organization, err)
	}
	return nil
}

// erpRequest is how an ERP sends a message.
type erpRequest struct {
	Organization string `path:"organization" doc:"The organization's id."`
	ID           string `header:"webhook-id" required:"true" doc:"Names the message, and is the same whenever it is sent." example:"msg_1"`
	Timestamp    string `header:"webhook-timestamp" required:"true" doc:"When it is sent, in seconds since 1970." example:"1793534400"`
	Signature    string `header:"webhook-signature" required:"true" doc:"By Standard Webhooks, with the organization's secret." example:"v1,K5oZfzN95Z9UVu1EsfQmfVNQhnkZ2pj9o9NDN/H/pI4="`
	Body         erpMessage
}

// erpMessage is what an ERP sends. What else is in it is not looked at.
type erpMessage struct {
	apidoc.Open
	Type string   `json:"type" enum:"order.created"`
	Data erpOrder `json:"data"`
}

type erpOrder struct {
	apidoc.Open
	ID          string            `json:"id,omitempty" maxLength:"100" doc:"What the ERP calls the order, which no other order of the organization has." example:"PO-4711"`
	Title       string            `json:"title" minLength:"1" maxLength:"200" example:"Oil the doors"`
	Description string            `json:"description,omitempty" maxLength:"5000"`
	Priority    workOrderPriority `json:"priority,omitempty" doc:"Defaults to normal."`
	Site        erpSite           `json:"site"`
}

// erpSite names a site by the ERP's id for it, or by its name.
type erpSite struct {
	apidoc.Open
	ID   string `json:"id,omitempty" doc:"What the ERP calls the site." example:"S-1"`
	Name string `json:"name,omitempty" doc:"The site's name, where there is no id."`
}

// TakeERPMessage makes a draft of the order that a verified message of an
// organization's ERP is about. The same message makes one order, however often it
// is taken. The error is [validation.Errors] by the fields of the message if it is
// the message that is wrong.
func TakeERPMessage(ctx context.Context, tx core.App, organization, message string, body []byte) error {
	var in erpMessage
	if err := json.Unmarshal(body, &in); err != nil || !utf8.Valid(body) {
		return validation.Errors{"message": validation.NewError(apidoc.CodeBodyInvalid, "Must be JSON as described, in UTF-8.")}
	}
	if in.Type != erpOrderCreated {
		return validation.Errors{"type": validation.NewError(codeERPType, "Must be "+erpOrderCreated+".")}
	}
	id, made, err := erpOrderID(ctx, tx, organization, message)
	if err != nil || made {
		return err
	}
	order, err := collections.NewWorkOrder(tx)
	if err != nil {
		return err
	}
	problems := validation.Errors{}
	for name, text := range map[string]string{"id": in.Data.ID, "title": in.Data.Title, "description": in.Data.Description} {
		if strings.ContainsRune(text, 0) {
			problems[name] = validation.NewError(apidoc.CodeInvalidCharacters, "Must not contain the null character.")
		}
	}
	site, err := erpSiteOf(tx, organization, in.Data.Site, problems)
	if err != nil {
		return err
	}
	if in.Data.Priority == "" {
		in.Data.Priority = collections.WorkOrderPriorityNormal
	}
	order.Id = id
	order.SetOrganization(organization)
	order.SetSite(site)
	order.SetTitle(strings.TrimSpace(in.Data.Title))
	order.SetDescription(in.Data.Description)
	order.SetPriority(string(in.Data.Priority))
	order.SetExternalID(in.Data.ID)
	return erpProblems(problems, tx.Save(order))
}

// erpOrderID returns the id of the order that a message makes, and whether it has
// made it already. Whoever creates an order may choose its id, also one that can
// be foreseen for a message to somebody else: what other organizations have taken
// is passed over.
func erpOrderID(ctx context.Context, tx core.App, organization, message string) (id string, made bool, err error) {
	for n := 0; ctx.Err() == nil; n++ {
		sum := sha256.Sum256(fmt.Appendf(nil, "%s/%s/%d", organization, message, n))
		id = strings.ToLower(base32.HexEncoding.EncodeToString(sum[:]))[:core.DefaultIdLength]
		order, err := collections.FindWorkOrderById(tx, id)
		if errors.Is(err, sql.ErrNoRows) {
			return id, false, nil
		}
		if err != nil {
			return "", false, fmt.Errorf("find work order %s: %w", id, err)
		}
		if order.Organization() == organization {
			return id, true, nil
		}
	}
	return "", false, ctx.Err()
}

// erpSiteOf returns the id of the site, and notes why there is none.
func erpSiteOf(tx core.App, organization string, in erpSite, problems validation.Errors) (string, error) {
	field, value := collections.SiteFieldExternalID, in.ID
	if value == "" {
		field, value = collections.SiteFieldName, in.Name
	}
	found := []string{}
	err := tx.DB().Select(collections.SiteFieldID).From(collections.Sites).
		Where(dbx.HashExp{collections.SiteFieldOrganization: organization, field: value}).Limit(2).Column(&found)
	switch {
	case err != nil:
		return "", fmt.Errorf("find a site of organization %s: %w", organization, err)
	case value == "":
		problems["site"] = validation.NewError(codeERPSite, "Must have an id or a name.")
	case len(found) == 0:
		problems["site"] = validation.NewError(codeERPSite, fmt.Sprintf("The organization has no site with the %s %.100q.", field, value))
	case len(found) > 1:
		problems["site"] = validation.NewError(codeERPSite, fmt.Sprintf("The organization has several sites with the %s %.100q.", field, value))
	default:
		return found[0], nil
	}
	return "", nil
}

// erpProblems gives field errors of an order the names that its message has for them.
func erpProblems(ours validation.Errors, err error) error {
	err = withFields(ours, err)
	var fields validation.Errors
	if !errors.As(err, &fields) {
		return err
	}
	problem, ok := fields[collections.WorkOrderFieldExternalID]
	if !ok {
		return fields
	}
	delete(fields, collections.WorkOrderFieldExternalID)
	var taken validation.Error
	if errors.As(problem, &taken) && taken.Code() == "validation_not_unique" {
		delete(fields, collections.WorkOrderFieldOrganization) // the rest of the index
		problem = taken.SetMessage("The organization has an order with this id already.")
	}
	fields["id"] = problem
	return fields
}
