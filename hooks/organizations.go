package hooks

import (
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"time"
	_ "time/tzdata" // time zones where the machine has none, as in a container from scratch

	"github.com/pocketbase/dbx"
	validation "github.com/pocketbase/ozzo-validation/v4"
	"github.com/pocketbase/pocketbase/core"
	"github.com/pocketbase/pocketbase/tools/security"
	"github.com/pocketbase/pocketbase/tools/types"

	"github.com/holdall-go/holdall/collections"
)

// invitationKeyLength is that of new keys. Shorter than minInvitationKeyLength
// none is trusted: a row that was written around PocketBase may have an empty one.
const (
	invitationKeyLength    = 50
	minInvitationKeyLength = 30
)

// deleteBatch is how many orders are loaded at a time to be deleted.
const deleteBatch = 200

// makeCreatorOwner makes the user who creates an organization its first owner,
// in the transaction of the creation. Superusers are members of nothing.
func makeCreatorOwner(e *core.RecordRequestEvent) error {
	return inTransaction(&e.App, func() error {
		if err := e.Next(); err != nil {
			return err
		}
		if e.Auth == nil || e.Auth.Collection().Name != collections.Users {
			return nil
		}
		membership, err := collections.NewMembership(e.App)
		if err != nil {
			return answerOf(err, "")
		}
		membership.SetOrganization(e.Record.Id)
		membership.SetUser(e.Auth.Id)
		membership.SetRole(collections.MembershipRoleOwner)
		if err := e.App.Save(membership); err != nil {
			return answerOf(fmt.Errorf("make the creator an owner: %w", err), "Failed to create record.")
		}
		return nil
	})
}

// validateOrganization checks the name, the time zone and the settings.
func validateOrganization(e *core.RecordEvent) error {
	organization := collections.OrganizationOf(e.Record)
	problems := validation.Errors{}

	if name := strings.ToLower(organization.Name()); strings.Contains(name, "://") || strings.Contains(name, "www.") {
		problems[collections.OrganizationFieldName] = validation.NewError(codeNameWithLink,
			"Must not have a link in it, as it stands in the mails that invite people.")
	}
	if zone := organization.Timezone(); zone != "" && !isTimezone(zone) {
		problems[collections.OrganizationFieldTimezone] = validation.NewError(codeTimezone,
			"Must be a time zone of the IANA database, such as Europe/Lisbon.")
	}
	if own, err := parseSettings(organization.Settings()); err != nil {
		problems[collections.OrganizationFieldSettings] = validation.NewError(codeSettings, sentence(err))
	} else if normal, err := json.Marshal(own); err == nil {
		organization.SetSettings(types.JSONRaw(normal))
	}
	return withFields(problems, e.Next())
}

// isTimezone reports whether the name is in the IANA database. "Local" is not
// there, but Go would take it for the machine's.
func isTimezone(name string) bool {
	if name == "Local" {
		return false
	}
	_, err := time.LoadLocation(name)
	return err == nil
}

// explainTakenSlug says what is wrong with a slug that another organization has.
func explainTakenSlug(e *core.RecordEvent) error {
	err := e.Next()
	var problems validation.Errors
	if !errors.As(err, &problems) {
		return err
	}
	var taken validation.Error
	if slug := problems[collections.OrganizationFieldSlug]; errors.As(slug, &taken) && taken.Code() == "validation_not_unique" {
		problems[collections.OrganizationFieldSlug] = taken.SetMessage("Another organization has this short name. Choose a different one.")
	}
	return err
}

// keepCounters makes sure that no save of an organization, from however old a
// copy, sets back its last number or brings back an old invitation key or one of
// its ERP. Whoever changes the invitation key gets a new random one, which is what
// changing it is for.
func keepCounters(e *core.RecordEvent) error {
	organization := collections.OrganizationOf(e.Record)
	stored, err := collections.FindOrganizationById(e.App, organization.Id)
	if err != nil {
		return fmt.Errorf("reload organization %s: %w", organization.Id, err)
	}
	organization.SetLastNumber(stored.LastNumber())
	organization.SetErpKeys(stored.ErpKeys())

	loaded := collections.OrganizationOf(e.Record.Original())
	key := stored.InvitationKey()
	if own := organization.InvitationKey(); own != key && own != loaded.InvitationKey() {
		key = newInvitationKey()
	}
	organization.SetInvitationKey(key)
	return e.Next()
}

// newInvitationKey returns a key that nobody can guess.
func newInvitationKey() string {
	return security.RandomString(invitationKeyLength)
}

// rotateInvitationKey revokes all invitations to the organization that are out.
// It writes past the record, since nobody is to be told of a hidden field.
func rotateInvitationKey(app core.App, organization string) (key string, err error) {
	key = newInvitationKey()
	_, err = app.DB().
		Update(collections.Organizations,
			dbx.Params{collections.OrganizationFieldInvitationKey: key},
			dbx.HashExp{collections.OrganizationFieldID: organization}).
		Execute()
	if err != nil {
		return "", fmt.Errorf("rotate the invitation key of organization %s: %w", organization, err)
	}
	return key, nil
}

// deleteOrdersFirst deletes the orders of an organization that is being
// deleted. PocketBase would come to the sites first, which it cannot delete
// while orders need them.
func deleteOrdersFirst(e *core.RecordEvent) error {
	for {
		var orders []*core.Record
		err := e.App.RecordQuery(collections.WorkOrders).
			AndWhere(dbx.HashExp{collections.WorkOrderFieldOrganization: e.Record.Id}).
			Limit(deleteBatch).
			All(&orders)
		if err != nil {
			return fmt.Errorf("find the orders of organization %s: %w", e.Record.Id, err)
		}
		for _, order := range orders {
			if err := e.App.Delete(order); err != nil {
				return fmt.Errorf("delete work order %s: %w", order.Id, err)
			}
		}
		if len(orders) < deleteBatch {
			return e.Next()
		}
	}
}
