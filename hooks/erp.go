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

// rotateERPSecret gives the organization a new secret for its ERP and shows it,
// this once. The one before is good for another day.
func (h *hooks) rotateERPSecret(e *core.RequestEvent) error {
	organization, _, err := organizationFor(e, isOwner, "Only owners connect an ERP.")
	if err != nil {
		return answerOf(err, "")
	}
	var keys erpKeys
	err = e.App.RunInTransaction(func(tx core.App) error {
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
		return answerOf(err, "")
	}
	e.Response.Header().Set("Cache-Control", "no-store")
	answer := map[string]any{
		"path":   strings.ReplaceAll(ERPPath, "{"+ERPOrganization+"}", organization.Id),
		"secret": keys.Secret,
	}
	if keys.Previous != "" {
		answer["previousUntil"] = keys.PreviousUntil
	}
	return e.JSON(http.StatusOK, answer)
}

// revokeERPSecret ends what the ERP of the organization may send, at once.
func (h *hooks) revokeERPSecret(e *core.RequestEvent) error {
	organization, _, err := organizationFor(e, isOwner, "Only owners disconnect an ERP.")
	if err != nil {
		return answerOf(err, "")
	}
	if err := saveERPKeys(e.App, organization.Id, erpKeys{}); err != nil {
		return answerOf(err, "")
	}
	return e.NoContent(http.StatusNoContent)
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
		encoded, err := json.Marshal(keys)
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

// erpMessage is what an ERP sends. What else is in it is not looked at.
type erpMessage struct {
	Type string   `json:"type"`
	Data erpOrder `json:"data"`
}

type erpOrder struct {
	ID          string  `json:"id"`
	Title       string  `json:"title"`
	Description string  `json:"description"`
	Priority    string  `json:"priority"`
	Site        erpSite `json:"site"`
}

// erpSite names a site by the ERP's id for it, or by its name.
type erpSite struct {
	ID   string `json:"id"`
	Name string `json:"name"`
}

// TakeERPMessage makes a draft of the order that a verified message of an
// organization's ERP is about. The same message makes one order, however often it
// is taken. The error is [validation.Errors] by the fields of the message if it is
// the message that is wrong.
func TakeERPMessage(ctx context.Context, tx core.App, organization, message string, body []byte) error {
	var in erpMessage
	if err := json.Unmarshal(body, &in); err != nil || !utf8.Valid(body) {
		return validation.Errors{"message": validation.NewError(codeBodyInvalid, "Must be JSON as described, in UTF-8.")}
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
			problems[name] = errCharacters
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
	order.SetPriority(in.Data.Priority)
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
