package main

import (
	"database/sql"
	"errors"
	"log/slog"
	"sync"
	"time"

	"github.com/pocketbase/dbx"
	"github.com/pocketbase/pocketbase/core"

	"github.com/holdall-go/holdall/collections"
	"github.com/holdall-go/holdall/internal/env"
	"github.com/holdall-go/holdall/plugins/limits"
)

// readQuotas says what one organization may have. Without a bound nothing is counted.
func (cfg *config) readQuotas(r *env.Reader) {
	most := limits.Usage{
		Rows: int64(env.Get(r, env.Int, "QUOTA_RECORDS", 0,
			"How many records an organization may have, of all collections together. 0 means any number.")),
		Bytes: env.Get(r, env.Size, "QUOTA_FILES", 0,
			"How large the files of an organization may be together. 0 means any size."),
		Requests: int64(env.Get(r, env.Int, "QUOTA_REQUESTS", 0,
			"How many requests of the API the members of an organization may send in a day, in UTC. 0 means any number.")),
	}
	quota := &cfg.limits.Quota
	quota.Max = func(core.App, string) limits.Usage { return most }
	if most.Rows > 0 || most.Bytes > 0 {
		quota.Of = organizationOf
	}
	if most.Requests > 0 {
		quota.OfRequest = newEmployers().of
	}
}

// organizationOf is the organization that a record belongs to, "" if none.
func organizationOf(app core.App, record *core.Record) string {
	switch record.Collection().Name {
	case collections.Organizations:
		return record.Id
	case collections.Memberships, collections.Sites, collections.WorkOrders:
		return record.GetString(collections.WorkOrderFieldOrganization)
	case collections.Notes, collections.Photos:
		var organization string
		err := app.DB().Select(collections.WorkOrderFieldOrganization).From(collections.WorkOrders).
			Where(dbx.HashExp{"id": record.GetString(collections.NoteFieldWorkOrder)}).Row(&organization)
		if err != nil && !errors.Is(err, sql.ErrNoRows) {
			app.Logger().Warn("It is not known to which organization a record counts.", slog.Any("error", err))
		}
		return organization
	}
	return ""
}

// employers remembers for a while to which organization the requests of a user
// count: the one that they have been in for longest.
type employers struct {
	mu    sync.Mutex
	known map[string]employer
}

type employer struct {
	organization string
	until        time.Time
}

const (
	employerFor  = time.Minute
	maxEmployers = 10_000
)

func newEmployers() *employers { return &employers{known: map[string]employer{}} }

func (m *employers) of(e *core.RequestEvent) string {
	if e.Auth == nil || e.Auth.Collection().Name != collections.Users {
		return ""
	}
	now := time.Now()
	m.mu.Lock()
	found, ok := m.known[e.Auth.Id]
	m.mu.Unlock()
	if ok && now.Before(found.until) {
		return found.organization
	}
	found = employer{until: now.Add(employerFor)}
	err := e.App.DB().Select(collections.MembershipFieldOrganization).From(collections.Memberships).
		Where(dbx.HashExp{collections.MembershipFieldUser: e.Auth.Id}).OrderBy(collections.MembershipFieldCreated, collections.MembershipFieldID).
		Limit(1).Row(&found.organization)
	if err != nil && !errors.Is(err, sql.ErrNoRows) {
		e.App.Logger().Warn("It is not known to which organization a request counts.", slog.Any("error", err))
		return ""
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	if len(m.known) >= maxEmployers {
		clear(m.known)
	}
	m.known[e.Auth.Id] = found
	return found.organization
}
