package webhooks

import (
	"database/sql"
	"errors"
	"fmt"

	"github.com/pocketbase/pocketbase/core"

	"github.com/holdall-go/holdall/internal/sqlite"
)

// Collection is the collection of the endpoints. Only superusers have access.
const Collection = "_webhooks"

// The fields of an endpoint.
const (
	fieldName           = "name"
	fieldURL            = "url"
	fieldCollections    = "collections"
	fieldActions        = "actions"
	fieldFilter         = "filter"
	fieldFields         = "fields"
	fieldVersion        = "version"
	fieldEnabled        = "enabled"
	fieldDisabledAt     = "disabledAt"
	fieldDisabledReason = "disabledReason"

	// These are only written to: what is saved in them goes to _webhooksSecrets,
	// and the column stays empty.
	fieldHeaders = "headers"
	fieldSecret  = "secret"
)

// The things that happen to records.
const (
	actionCreate = "create"
	actionUpdate = "update"
	actionDelete = "delete"
)

// Version20261101 is the first version of what is sent.
const Version20261101 = "2026-11-01"

// newestVersion is the one of endpoints that name none when they are made.
const newestVersion = Version20261101

// tables are plain ones, so that a delivery costs no validation, no hooks and no
// row in the change log.
//
// _webhooksDeliveries  what is to be sent and what was. subject is the record;
// of the pending ones with one subject only the first is ready.
// _webhooksAttempts    what was answered, see the delivery log.
// _webhooksSecrets     what nobody is shown of an endpoint.
// _webhooksHealth      how an endpoint is doing.
// _webhooksLease       which process sends.
// _webhooksInbox       what was received.
var tables = []string{
	`CREATE TABLE IF NOT EXISTS _webhooksDeliveries (
		id INTEGER PRIMARY KEY AUTOINCREMENT, endpoint TEXT NOT NULL, event TEXT NOT NULL, run TEXT NOT NULL,
		subject TEXT NOT NULL, type TEXT NOT NULL, payload TEXT NOT NULL, created INTEGER NOT NULL,
		state TEXT NOT NULL, ready INTEGER NOT NULL, nextAt INTEGER NOT NULL, attempts INTEGER NOT NULL DEFAULT 0,
		firstAt INTEGER NOT NULL DEFAULT 0, finished INTEGER NOT NULL DEFAULT 0,
		status INTEGER NOT NULL DEFAULT 0, error TEXT NOT NULL DEFAULT '', trace TEXT NOT NULL DEFAULT '')`,
	`CREATE UNIQUE INDEX IF NOT EXISTS _webhooksDeliveries_event ON _webhooksDeliveries (endpoint, event, run)`,
	`CREATE INDEX IF NOT EXISTS _webhooksDeliveries_ready ON _webhooksDeliveries (endpoint, nextAt) WHERE ready = 1`,
	`CREATE INDEX IF NOT EXISTS _webhooksDeliveries_pending ON _webhooksDeliveries (endpoint, subject, id) WHERE state = 'pending'`,
	`CREATE INDEX IF NOT EXISTS _webhooksDeliveries_failed ON _webhooksDeliveries (endpoint) WHERE state = 'failed'`,
	`CREATE INDEX IF NOT EXISTS _webhooksDeliveries_finished ON _webhooksDeliveries (finished) WHERE finished > 0`,
	`CREATE TABLE IF NOT EXISTS _webhooksAttempts (
		id INTEGER PRIMARY KEY AUTOINCREMENT, delivery INTEGER NOT NULL, at INTEGER NOT NULL, duration INTEGER NOT NULL,
		url TEXT NOT NULL, requestHeaders TEXT NOT NULL, status INTEGER NOT NULL, responseHeaders TEXT NOT NULL,
		responseBody TEXT NOT NULL, error TEXT NOT NULL)`,
	`CREATE INDEX IF NOT EXISTS _webhooksAttempts_delivery ON _webhooksAttempts (delivery, id)`,
	`CREATE TABLE IF NOT EXISTS _webhooksSecrets (
		endpoint TEXT PRIMARY KEY, secret TEXT NOT NULL, previous TEXT NOT NULL, previousUntil INTEGER NOT NULL,
		headers TEXT NOT NULL)`,
	`CREATE TABLE IF NOT EXISTS _webhooksHealth (
		endpoint TEXT PRIMARY KEY, failingSince INTEGER NOT NULL, lastSuccess INTEGER NOT NULL,
		lastFailure INTEGER NOT NULL, lastError TEXT NOT NULL)`,
	`CREATE TABLE IF NOT EXISTS _webhooksLease (
		id INTEGER PRIMARY KEY CHECK (id = 1), owner TEXT NOT NULL, until INTEGER NOT NULL)`,
	`INSERT OR IGNORE INTO _webhooksLease (id, owner, until) VALUES (1, '', 0)`,
	`CREATE TABLE IF NOT EXISTS _webhooksInbox (
		id INTEGER PRIMARY KEY AUTOINCREMENT, path TEXT NOT NULL, message TEXT NOT NULL, query TEXT NOT NULL,
		headers TEXT NOT NULL, body BLOB NOT NULL, received INTEGER NOT NULL, state TEXT NOT NULL,
		attempts INTEGER NOT NULL DEFAULT 0, nextAt INTEGER NOT NULL, finished INTEGER NOT NULL DEFAULT 0,
		error TEXT NOT NULL DEFAULT '')`,
	`CREATE UNIQUE INDEX IF NOT EXISTS _webhooksInbox_message ON _webhooksInbox (path, message)`,
	`CREATE INDEX IF NOT EXISTS _webhooksInbox_due ON _webhooksInbox (nextAt) WHERE state = 'pending'`,
	`CREATE INDEX IF NOT EXISTS _webhooksInbox_finished ON _webhooksInbox (finished) WHERE finished > 0`,
}

// install makes what is missing. It runs at every bootstrap. It is no transaction:
// that would begin by reading, and fail if another process wrote meanwhile.
func install(app core.App) error {
	for _, statement := range tables {
		if _, err := app.DB().NewQuery(statement).Execute(); err != nil {
			return fmt.Errorf("webhooks: create tables: %w", err)
		}
	}
	if err := sqlite.AddColumn(app.NonconcurrentDB(), "_webhooksDeliveries", "trace", `TEXT NOT NULL DEFAULT ''`); err != nil {
		return fmt.Errorf("webhooks: %w", err)
	}
	return ensureCollection(app)
}

// ensureCollection makes the collection of the endpoints, or adds the fields that
// it lacks. It saves only if there is a difference.
func ensureCollection(app core.App) error {
	c, err := app.FindCollectionByNameOrId(Collection)
	missing := errors.Is(err, sql.ErrNoRows)
	if err != nil && !missing {
		return fmt.Errorf("webhooks: find collection %s: %w", Collection, err)
	}
	if missing {
		c = core.NewBaseCollection(Collection)
		c.System = true
	}
	changed := missing
	for _, f := range endpointFields() {
		if c.Fields.GetByName(f.GetName()) == nil {
			c.Fields.Add(f)
			changed = true
		}
	}
	if !changed {
		return nil
	}
	if err := app.Save(c); err != nil {
		return fmt.Errorf("webhooks: save collection %s: %w", Collection, err)
	}
	return nil
}

func endpointFields() []core.Field {
	return []core.Field{
		&core.TextField{Name: fieldName, Required: true, Max: 100, Presentable: true},
		&core.TextField{Name: fieldURL, Required: true, Max: 2000},
		&core.JSONField{Name: fieldCollections, MaxSize: 20_000, Help: `Names such as ["work_orders"]. Empty means all.`},
		&core.SelectField{Name: fieldActions, MaxSelect: 3, Values: []string{actionCreate, actionUpdate, actionDelete}, Help: "None means all."},
		&core.TextField{Name: fieldFilter, Max: 2000, Help: `Over the new record, and the old one as @old: status = "done" && @old.status != "done"`},
		&core.JSONField{Name: fieldFields, MaxSize: 20_000, Help: `What is sent of a record, such as ["status"]. Empty means all that is not hidden.`},
		&core.JSONField{Name: fieldHeaders, MaxSize: 40_000, Hidden: true, Help: `Further headers, such as {"Authorization": "Bearer ..."}. Never shown; blank keeps them, {} removes them.`},
		&core.SelectField{Name: fieldVersion, MaxSelect: 1, Values: []string{Version20261101}, Help: "What is sent looks as in this version."},
		&core.BoolField{Name: fieldEnabled},
		&core.TextField{Name: fieldSecret, Max: 500, Hidden: true, Help: "Begins with whsec_. Never shown here; made if left blank, and blank keeps it."},
		&core.DateField{Name: fieldDisabledAt},
		&core.TextField{Name: fieldDisabledReason, Max: 500},
		&core.AutodateField{Name: "created", OnCreate: true},
		&core.AutodateField{Name: "updated", OnCreate: true, OnUpdate: true},
	}
}
