package push

import (
	"database/sql"
	"errors"
	"fmt"

	"github.com/pocketbase/pocketbase/core"
)

// Collection is the collection of the devices. Only superusers have access; users
// come by the routes.
const Collection = "_pushDevices"

// The fields of a device.
const (
	fieldUserCollection = "userCollection" // the id of an auth collection
	fieldUser           = "user"
	fieldSession        = "session" // of the user's tokens, see [sessionOf]
	fieldProvider       = "provider"
	fieldService        = "service"
	fieldToken          = "token"
	fieldTokenHash      = "tokenHash"
	fieldP256dh         = "p256dh"
	fieldAuth           = "auth"
	fieldApp            = "app"
	fieldSandbox        = "sandbox"
	fieldPlatform       = "platform"
	fieldLocale         = "locale"
	fieldTimezone       = "timezone"
	fieldTopics         = "topics"
	fieldBadge          = "badge"
	fieldLastSeen       = "lastSeen"
)

// secretFields are for superusers only: who has them can take the device over.
// They are hidden fields and no OnRecordEnrich hook hides more, since one bound
// handler costs realtime the sharing of its work for every collection.
var secretFields = []string{fieldToken, fieldTokenHash, fieldP256dh, fieldAuth, fieldSession}

// tables are plain ones, so that a delivery costs no validation, no hooks and no
// row in the change log. Times are milliseconds since 1970, 0 for none.
//
// _pushMessages    what is sent. cursor is the last device of which it has become
// a delivery, as long as its state is pending.
// _pushDeliveries  a message on its way to a device. service is what the lane that
// it goes by is named.
// _pushServices    how a service is doing.
// _pushKeys        secrets that the plugin has made for itself.
// _pushLease       which process sends.
//
// The partial indexes hold only what waits, so that a million sent deliveries cost
// the choice of the next one nothing.
var tables = []string{
	`CREATE TABLE IF NOT EXISTS _pushMessages (
		id TEXT PRIMARY KEY NOT NULL, key TEXT NOT NULL, created INTEGER NOT NULL, at INTEGER NOT NULL, state TEXT NOT NULL,
		cursor TEXT NOT NULL DEFAULT '', recipients TEXT NOT NULL, content TEXT NOT NULL, ttl INTEGER NOT NULL,
		high INTEGER NOT NULL, error TEXT NOT NULL DEFAULT '')`,
	`CREATE UNIQUE INDEX IF NOT EXISTS _pushMessages_key ON _pushMessages (key) WHERE key <> ''`,
	`CREATE INDEX IF NOT EXISTS _pushMessages_pending ON _pushMessages (at) WHERE state = 'pending'`,
	`CREATE INDEX IF NOT EXISTS _pushMessages_created ON _pushMessages (created, id)`,
	`CREATE TABLE IF NOT EXISTS _pushDeliveries (
		id INTEGER PRIMARY KEY AUTOINCREMENT, message TEXT NOT NULL, device TEXT NOT NULL, userCollection TEXT NOT NULL,
		user TEXT NOT NULL, service TEXT NOT NULL, high INTEGER NOT NULL, state TEXT NOT NULL, created INTEGER NOT NULL,
		nextAt INTEGER NOT NULL, expires INTEGER NOT NULL, badge INTEGER, attempts INTEGER NOT NULL DEFAULT 0,
		finished INTEGER NOT NULL DEFAULT 0, status INTEGER NOT NULL DEFAULT 0, error TEXT NOT NULL DEFAULT '',
		serviceId TEXT NOT NULL DEFAULT '', shown INTEGER NOT NULL DEFAULT 0, opened INTEGER NOT NULL DEFAULT 0)`,
	`CREATE UNIQUE INDEX IF NOT EXISTS _pushDeliveries_message ON _pushDeliveries (message, device)`,
	`CREATE INDEX IF NOT EXISTS _pushDeliveries_due ON _pushDeliveries (service, high, nextAt) WHERE state = 'pending'`,
	`CREATE INDEX IF NOT EXISTS _pushDeliveries_next ON _pushDeliveries (nextAt) WHERE state = 'pending'`,
	`CREATE INDEX IF NOT EXISTS _pushDeliveries_expires ON _pushDeliveries (expires) WHERE state = 'pending'`,
	`CREATE INDEX IF NOT EXISTS _pushDeliveries_device ON _pushDeliveries (device) WHERE state = 'pending'`,
	`CREATE TABLE IF NOT EXISTS _pushServices (
		name TEXT PRIMARY KEY NOT NULL, pausedSince INTEGER NOT NULL DEFAULT 0, pausedUntil INTEGER NOT NULL DEFAULT 0,
		probes INTEGER NOT NULL DEFAULT 0, failingSince INTEGER NOT NULL DEFAULT 0, lastSuccess INTEGER NOT NULL DEFAULT 0,
		lastFailure INTEGER NOT NULL DEFAULT 0, lastError TEXT NOT NULL DEFAULT '')`,
	`CREATE TABLE IF NOT EXISTS _pushKeys (name TEXT PRIMARY KEY NOT NULL, value TEXT NOT NULL)`,
	`CREATE TABLE IF NOT EXISTS _pushLease (
		id INTEGER PRIMARY KEY CHECK (id = 1), owner TEXT NOT NULL, until INTEGER NOT NULL)`,
	`INSERT OR IGNORE INTO _pushLease (id, owner, until) VALUES (1, '', 0)`,
}

// install makes what is missing. It runs at every bootstrap. It is no transaction:
// that would begin by reading, and fail if another process wrote meanwhile.
func install(app core.App) error {
	for _, statement := range tables {
		if _, err := app.DB().NewQuery(statement).Execute(); err != nil {
			return fmt.Errorf("push: create tables: %w", err)
		}
	}
	return ensureCollection(app)
}

// ensureCollection makes the collection of the devices, or adds the fields that it
// lacks. It saves only if there is a difference.
func ensureCollection(app core.App) error {
	c, err := app.FindCollectionByNameOrId(Collection)
	missing := errors.Is(err, sql.ErrNoRows)
	if err != nil && !missing {
		return fmt.Errorf("push: find collection %s: %w", Collection, err)
	}
	if missing {
		c = core.NewBaseCollection(Collection)
		c.System = true
		c.AddIndex("idx__pushDevices_token", true, "`"+fieldTokenHash+"`", "")
		c.AddIndex("idx__pushDevices_user", false, "`"+fieldUserCollection+"`, `"+fieldUser+"`", "")
	}
	changed := missing
	for _, f := range deviceFields() {
		if c.Fields.GetByName(f.GetName()) == nil {
			c.Fields.Add(f)
			changed = true
		}
	}
	if !changed {
		return nil
	}
	if err := app.Save(c); err != nil {
		return fmt.Errorf("push: save collection %s: %w", Collection, err)
	}
	return nil
}

func deviceFields() []core.Field {
	return []core.Field{
		&core.TextField{Name: fieldUserCollection, Required: true, Max: 100},
		&core.TextField{Name: fieldUser, Required: true, Max: 100, Presentable: true},
		&core.TextField{Name: fieldSession, Required: true, Max: 100, Hidden: true},
		&core.TextField{Name: fieldProvider, Required: true, Max: 20, Presentable: true},
		&core.TextField{Name: fieldService, Required: true, Max: maxService, Help: "What takes the notifications: the provider, and of Web Push the host."},
		&core.TextField{Name: fieldToken, Required: true, Max: maxToken, Hidden: true},
		&core.TextField{Name: fieldTokenHash, Required: true, Max: 64, Hidden: true},
		&core.TextField{Name: fieldP256dh, Max: 200, Hidden: true},
		&core.TextField{Name: fieldAuth, Max: 100, Hidden: true},
		&core.TextField{Name: fieldApp, Max: maxLabel, Help: "The app's bundle identifier, for APNs."},
		&core.BoolField{Name: fieldSandbox, Help: "APNs' development environment."},
		&core.TextField{Name: fieldPlatform, Max: maxLabel, Presentable: true},
		&core.TextField{Name: fieldLocale, Max: maxLocale},
		&core.TextField{Name: fieldTimezone, Max: maxLabel},
		&core.JSONField{Name: fieldTopics, MaxSize: 20_000},
		&core.NumberField{Name: fieldBadge, OnlyInt: true, Help: "The number at the app's icon, as far as the server knows."},
		&core.DateField{Name: fieldLastSeen},
		&core.AutodateField{Name: "created", OnCreate: true},
		&core.AutodateField{Name: "updated", OnCreate: true, OnUpdate: true},
	}
}
