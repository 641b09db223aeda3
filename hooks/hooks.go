// Package hooks is the business logic of the reference app: what the rules of
// package collections cannot say, and the routes under /api/v1. It has one file
// a feature; this one lists what is bound to what.
//
//	app := pocketbase.New()
//	if err := hooks.Register(app, hooks.Config{}); err != nil {
//		return err
//	}
//
// The invariants hold for everybody, superusers and Go code included: an
// organization has an owner, numbers have no gap, statuses move as the table in
// status.go says. What only people are held to, such as a technician's part of
// a checklist, is checked where requests come in.
package hooks

import (
	"time"

	"github.com/pocketbase/pocketbase/core"
	"github.com/pocketbase/pocketbase/tools/hook"

	"github.com/holdall-go/holdall/collections"
	"github.com/holdall-go/holdall/internal/apidoc"
	"github.com/holdall-go/holdall/internal/clock"
)

// Config adjusts the business logic. The zero value is what the program uses.
type Config struct {
	// Clock tells when orders are due, started and completed. Defaults to the
	// clock of the machine, by which invitations end in any case.
	Clock clock.Clock

	// MailTimeout is how long an invitation waits for the mail server before it
	// counts as not sent. Defaults to 20 s.
	MailTimeout time.Duration

	// Jobs makes the reports of completed orders. Without it there are none.
	Jobs Jobs

	// ERP lets owners connect the ERP of their organization. It takes a program
	// that receives messages at [ERPPath].
	ERP bool
}

// maxBodyBytes bounds the body of every custom route.
const maxBodyBytes = 64 << 10

// hooks has what the handlers share.
type hooks struct {
	clock       clock.Clock
	mailTimeout time.Duration
	jobs        Jobs // nil for none
	erp         bool
	invitations quota // by who invites
	exports     slots // by organization
}

// Register binds the business logic, the routes and the SLA job to the app. It
// replaces what an earlier call bound, except for the handlers of [Jobs].
func Register(app core.App, config Config) error {
	if config.Clock == nil {
		config.Clock = clock.System()
	}
	if config.MailTimeout <= 0 {
		config.MailTimeout = 20 * time.Second
	}
	h := &hooks{
		clock:       config.Clock,
		mailTimeout: config.MailTimeout,
		jobs:        config.Jobs,
		erp:         config.ERP,
		invitations: quota{limit: invitationsPerHour},
		exports:     slots{total: exportsAtOnce, each: exportsAtOnceForOrganization},
	}

	h.bindWorkOrders(app)
	h.bindOrganizations(app)
	h.bindMemberships(app)
	if err := h.bindReports(app); err != nil {
		return err
	}
	bind(app.OnServe(), "holdallRoutes", h.routes)
	return app.Cron().Add("holdallSLA", "* * * * *", func() { h.markBreachesAndLog(app) })
}

func (h *hooks) bindWorkOrders(app core.App) {
	const name = collections.WorkOrders
	bind(app.OnRecordCreate(name), "holdallWorkOrderCreateTransaction", transactional)
	bind(app.OnRecordCreate(name), "holdallWorkOrderDefaults", setWorkOrderDefaults)
	bind(app.OnRecordCreateExecute(name), "holdallWorkOrderNumber", h.numberWorkOrder)
	bind(app.OnRecordUpdate(name), "holdallWorkOrderUpdateTransaction", transactional)
	bind(app.OnRecordUpdate(name), "holdallWorkOrderConsequences", h.applyConsequences)
	bind(app.OnRecordValidate(name), "holdallWorkOrderValidate", validateWorkOrder)
	bind(app.OnRecordUpdateRequest(name), "holdallWorkOrderRebase", rebaseRequest)
	bind(app.OnRecordUpdateRequest(name), "holdallWorkOrderTechnicians", guardTechnicians)
}

func (h *hooks) bindOrganizations(app core.App) {
	const name = collections.Organizations
	bind(app.OnRecordCreate(name), "holdallOrganizationCreate", explainTakenSlug)
	bind(app.OnRecordUpdate(name), "holdallOrganizationUpdateTransaction", transactional)
	bind(app.OnRecordUpdate(name), "holdallOrganizationCounters", keepCounters)
	bind(app.OnRecordUpdate(name), "holdallOrganizationUpdate", explainTakenSlug)
	bind(app.OnRecordValidate(name), "holdallOrganizationValidate", validateOrganization)
	bind(app.OnRecordDelete(name), "holdallOrganizationDeleteTransaction", transactional)
	bind(app.OnRecordDelete(name), "holdallOrganizationOrders", deleteOrdersFirst)
	bind(app.OnRecordCreateRequest(name), "holdallOrganizationOwner", makeCreatorOwner)
	bind(app.OnRecordUpdateRequest(name), "holdallOrganizationRebase", rebaseRequest)
}

func (h *hooks) bindMemberships(app core.App) {
	const name = collections.Memberships
	bind(app.OnRecordUpdate(name), "holdallMembershipUpdateTransaction", transactional)
	bind(app.OnRecordUpdate(name), "holdallMembershipUpdate", changeMembership)
	bind(app.OnRecordDelete(name), "holdallMembershipDeleteTransaction", transactional)
	bind(app.OnRecordDelete(name), "holdallMembershipDelete", endMembership)
}

// people are the collections of those who sign in.
var people = []string{collections.Users, core.CollectionNameSuperusers}

// routes adds the custom routes. Rate limits are PocketBase's own.
func (h *hooks) routes(e *core.ServeEvent) error {
	api := apidoc.On(e).Group("/api/v1")
	h.bindTransition(api)
	h.bindBoard(api)
	h.bindExport(api)
	h.bindInvitations(api)
	if h.erp {
		h.bindERP(api)
	}
	return e.Next()
}

// bind adds the handler under an id, so that it can be found, replaced and removed.
func bind[T hook.Resolver](to interface{ Bind(*hook.Handler[T]) string }, id string, handle func(T) error) {
	to.Bind(&hook.Handler[T]{Id: id, Func: handle})
}
