package hooks

import (
	"database/sql"
	"errors"
	"fmt"

	"github.com/pocketbase/dbx"
	"github.com/pocketbase/pocketbase/apis"
	"github.com/pocketbase/pocketbase/core"

	"github.com/holdall-go/holdall/collections"
)

// roleSuperuser stands for superusers, who need no membership.
const roleSuperuser = "superuser"

// membershipRole is a member's in a request or an answer.
type membershipRole string

// Enum lists them for whoever describes the routes.
func (membershipRole) Enum() []string {
	return []string{
		collections.MembershipRoleOwner, collections.MembershipRoleDispatcher,
		collections.MembershipRoleTechnician, collections.MembershipRoleViewer,
	}
}

// callerRole is what the caller of a route is in an organization.
type callerRole string

// Enum lists them for whoever describes the routes.
func (callerRole) Enum() []string { return append(membershipRole("").Enum(), roleSuperuser) }

// accessInfo is the request as access rules see it, without its body: who may
// use a record must not depend on what they ask for. The body stays unread.
func accessInfo(e *core.RequestEvent) (*core.RequestInfo, error) {
	length := e.Request.ContentLength
	e.Request.ContentLength = 0 // what makes PocketBase leave the body alone
	defer func() { e.Request.ContentLength = length }()
	return e.RequestInfo()
}

// visible returns the record if the caller may see it by the view rule of its
// collection. Otherwise it is the same 404 as for a record that never was.
func visible(app core.App, e *core.RequestEvent, collection string) (*core.Record, error) {
	info, err := accessInfo(e)
	if err != nil {
		return nil, apis.NewBadRequestError("", err)
	}
	record, err := app.FindRecordById(collection, e.Request.PathValue("id"))
	if errors.Is(err, sql.ErrNoRows) {
		return nil, apis.NewNotFoundError("", nil)
	}
	if err != nil {
		return nil, fmt.Errorf("find a record of %s: %w", collection, err)
	}
	ok, err := app.CanAccessRecord(record, info, record.Collection().ViewRule)
	if err != nil {
		return nil, fmt.Errorf("check the view rule of %s: %w", collection, err)
	}
	if !ok {
		return nil, apis.NewNotFoundError("", nil)
	}
	return record, nil
}

// roleOf returns the role of who is signed in, "" when they have none in the organization.
func roleOf(app core.App, auth *core.Record, organization string) (string, error) {
	if auth == nil {
		return "", nil
	}
	if auth.IsSuperuser() {
		return roleSuperuser, nil
	}
	var role string
	err := app.DB().Select(collections.MembershipFieldRole).
		From(collections.Memberships).
		Where(dbx.HashExp{
			collections.MembershipFieldOrganization: organization,
			collections.MembershipFieldUser:         auth.Id,
		}).
		Row(&role)
	if errors.Is(err, sql.ErrNoRows) {
		return "", nil
	}
	if err != nil {
		return "", fmt.Errorf("find the role in organization %s: %w", organization, err)
	}
	return role, nil
}

// isOffice reports whether the role plans the work.
func isOffice(role string) bool {
	switch role {
	case collections.MembershipRoleOwner, collections.MembershipRoleDispatcher, roleSuperuser:
		return true
	default:
		return false
	}
}

// isOwner reports whether the role decides about the organization itself.
func isOwner(role string) bool {
	return role == collections.MembershipRoleOwner || role == roleSuperuser
}

// organizationPath is the part of a request that names the organization.
type organizationPath struct {
	ID string `path:"id" doc:"The organization's id."`
}

// admission is what the caller was let in to, and as what.
type admission struct {
	organization *collections.Organization
	role         string
}

const admissionKey = "holdallAdmission"

// admit lets in whose role in the organization of the path is allowed. It is a
// middleware, so that others are not told what is wrong with their request.
func admit(allowed func(role string) bool, otherwise string) func(*core.RequestEvent) error {
	return func(e *core.RequestEvent) error {
		record, err := visible(e.App, e, collections.Organizations)
		if err != nil {
			return answerOf(err, "")
		}
		role, err := roleOf(e.App, e.Auth, record.Id)
		if err != nil {
			return answerOf(err, "")
		}
		if !allowed(role) {
			return forbidden(otherwise)
		}
		e.Set(admissionKey, admission{collections.OrganizationOf(record), role})
		return e.Next()
	}
}

// admitted returns what admit has let the caller in to.
func admitted(e *core.RequestEvent) admission {
	to, _ := e.Get(admissionKey).(admission)
	return to
}

// membersWith tells whose document lists a route: those who have one of the roles
// somewhere, and superusers, for whom it is not asked.
func membersWith(roles ...any) func(app core.App, caller *core.Record) bool {
	return func(app core.App, caller *core.Record) bool {
		if caller == nil || caller.Collection().Name != collections.Users {
			return false
		}
		n, err := app.CountRecords(collections.Memberships, dbx.HashExp{
			collections.MembershipFieldUser: caller.Id,
			collections.MembershipFieldRole: roles,
		})
		return err != nil || n > 0 // what is not known is listed
	}
}
