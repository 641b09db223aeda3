package push

import (
	"crypto/sha256"
	"database/sql"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"net/url"
	"slices"
	"strings"
	"time"

	"github.com/pocketbase/dbx"
	"github.com/pocketbase/pocketbase/core"
	"github.com/pocketbase/pocketbase/tools/hook"
)

// device is a record of the collection, as its fields have it.
type device struct {
	core.BaseRecordProxy
}

func deviceOf(record *core.Record) *device {
	d := &device{}
	d.SetProxyRecord(record)
	return d
}

func (d *device) ownedBy(user *core.Record) bool {
	return d.GetString(fieldUserCollection) == user.Collection().Id && d.GetString(fieldUser) == user.Id
}

func (d *device) topics() []string {
	topics := []string{}
	if err := d.UnmarshalJSONField(fieldTopics, &topics); err != nil {
		return nil // only the plugin writes it
	}
	return topics
}

// Device is a device as its user sees it.
type Device struct {
	ID       string     `json:"id"`
	Provider string     `json:"provider" doc:"webpush, fcm, apns, or one that was added."`
	Platform string     `json:"platform"`
	App      string     `json:"app"`
	Sandbox  bool       `json:"sandbox"`
	Locale   string     `json:"locale"`
	Timezone string     `json:"timezone"`
	Topics   []string   `json:"topics" doc:"What it is subscribed to."`
	Badge    int        `json:"badge" doc:"The number at the app's icon."`
	LastSeen *time.Time `json:"lastSeen"`
	Created  *time.Time `json:"created"`
}

func (d *device) public() Device {
	return Device{
		ID: d.Id, Provider: d.GetString(fieldProvider), Platform: d.GetString(fieldPlatform), App: d.GetString(fieldApp),
		Sandbox: d.GetBool(fieldSandbox), Locale: d.GetString(fieldLocale), Timezone: d.GetString(fieldTimezone),
		Topics: d.topics(), Badge: d.GetInt(fieldBadge),
		LastSeen: timeOf(d.GetDateTime(fieldLastSeen).Time().UnixMilli()), Created: timeOf(d.GetDateTime("created").Time().UnixMilli()),
	}
}

// tokenHash is what a token is found by.
func tokenHash(providerName, token string) string {
	sum := sha256.Sum256([]byte(providerName + "\n" + token))
	return base64.RawURLEncoding.EncodeToString(sum[:])
}

// sessionOf changes when all tokens of the user are revoked, as by a new password.
func sessionOf(tokenKey string) string {
	sum := sha256.Sum256([]byte("push session\n" + tokenKey))
	return base64.RawURLEncoding.EncodeToString(sum[:16])
}

// serviceOf names what takes the notifications of a device. Web Push has a service
// for each vendor of browsers, and anybody can run one, which must not slow down
// the others.
func serviceOf(providerName, token string) string {
	if providerName != ProviderWebPush {
		return providerName
	}
	endpoint, err := url.Parse(token)
	if err != nil {
		return providerName
	}
	return providerName + ":" + strings.ToLower(endpoint.Host)
}

// providerOf is the provider of a service.
func providerOf(service string) string {
	name, _, _ := strings.Cut(service, ":")
	return name
}

// registration is what an app says of its device.
type registration struct {
	Provider string
	Token    string
	P256dh   string
	Auth     string
	App      string
	Sandbox  bool
	Platform string
	Locale   string
	Timezone string
	Topics   *[]string // nil keeps those that there are
	Badge    *int
}

// register stores a device. A token belongs to the user who registered it last:
// for another one it becomes another device, so that nothing of what was on its
// way to the one before gets to it.
func (p *Plugin) register(app core.App, user *core.Record, r registration) (*device, error) {
	var d *device
	err := app.RunInTransaction(func(tx core.App) error {
		hash := tokenHash(r.Provider, r.Token)
		record, err := tx.FindFirstRecordByData(Collection, fieldTokenHash, hash)
		if err != nil && !errors.Is(err, sql.ErrNoRows) {
			return fmt.Errorf("push: find a device: %w", err)
		}
		if record != nil && !deviceOf(record).ownedBy(user) {
			if err := removeDevices(tx, p.now(), "another user registered the device", record.Id); err != nil {
				return err
			}
			record = nil
		}
		if record == nil {
			collection, err := tx.FindCachedCollectionByNameOrId(Collection)
			if err != nil {
				return fmt.Errorf("push: find collection %s: %w", Collection, err)
			}
			record = core.NewRecord(collection)
			record.Load(map[string]any{
				fieldUserCollection: user.Collection().Id, fieldUser: user.Id, fieldProvider: r.Provider, fieldToken: r.Token,
				fieldTokenHash: hash, fieldService: serviceOf(r.Provider, r.Token), fieldTopics: []string{},
			})
		}
		record.Load(map[string]any{
			fieldSession: sessionOf(user.TokenKey()), fieldP256dh: r.P256dh, fieldAuth: r.Auth, fieldApp: r.App, fieldSandbox: r.Sandbox,
			fieldPlatform: r.Platform, fieldLocale: r.Locale, fieldTimezone: r.Timezone, fieldLastSeen: p.now().UTC(),
		})
		if r.Topics != nil {
			record.Set(fieldTopics, *r.Topics)
		}
		if r.Badge != nil {
			record.Set(fieldBadge, *r.Badge)
		}
		if err := tx.Save(record); err != nil {
			return fmt.Errorf("push: save a device: %w", err)
		}
		d = deviceOf(record)
		return p.makeRoom(tx, user)
	})
	return d, err
}

// makeRoom removes the user's devices beyond the limit that were not seen for longest.
func (p *Plugin) makeRoom(tx core.App, user *core.Record) error {
	old := []string{}
	err := tx.DB().NewQuery("SELECT id FROM {{" + Collection + "}} WHERE [[userCollection]] = {:collection} AND [[user]] = {:user} ORDER BY [[lastSeen]] DESC, id LIMIT -1 OFFSET {:keep}").
		Bind(dbx.Params{"collection": user.Collection().Id, "user": user.Id, "keep": p.config.MaxDevices}).Column(&old)
	if err != nil {
		return fmt.Errorf("push: count devices: %w", err)
	}
	return removeDevices(tx, p.now(), "the user has newer devices", old...)
}

// ownDevice returns a device of the user, and sql.ErrNoRows for that of another.
func ownDevice(app core.App, user *core.Record, id string) (*device, error) {
	record, err := app.FindRecordById(Collection, id)
	if err != nil {
		return nil, fmt.Errorf("push: find a device: %w", err)
	}
	if d := deviceOf(record); d.ownedBy(user) {
		return d, nil
	}
	return nil, fmt.Errorf("push: device %s is somebody else's: %w", id, sql.ErrNoRows)
}

// devicesOf returns the user's devices, the one seen last first.
func devicesOf(app core.App, user *core.Record) ([]*core.Record, error) {
	records := []*core.Record{}
	err := app.RecordQuery(Collection).
		AndWhere(dbx.HashExp{fieldUserCollection: user.Collection().Id, fieldUser: user.Id}).
		OrderBy(fieldLastSeen+" DESC", core.FieldNameId).All(&records)
	if err != nil {
		return nil, fmt.Errorf("push: list devices: %w", err)
	}
	return records, nil
}

// subscribe adds or removes a topic of a device.
func subscribe(app core.App, user *core.Record, id, topic string, on bool) (*device, error) {
	var d *device
	err := app.RunInTransaction(func(tx core.App) (err error) {
		if d, err = ownDevice(tx, user, id); err != nil {
			return err
		}
		topics := slices.DeleteFunc(d.topics(), func(t string) bool { return t == topic })
		if on {
			topics = append(topics, topic)
		}
		if len(topics) > maxTopics {
			return errTooManyTopics
		}
		slices.Sort(topics)
		d.Set(fieldTopics, topics)
		if err := tx.Save(d.Record); err != nil {
			return fmt.Errorf("push: save the topics of a device: %w", err)
		}
		return nil
	})
	return d, err
}

// errTooManyTopics is what a device gets that asks for more topics than it can have.
var errTooManyTopics = errors.New("push: the device has too many topics")

// removeDevices forgets devices, and gives up what was on its way to them.
func removeDevices(tx core.App, now time.Time, reason string, ids ...string) error {
	if len(ids) == 0 {
		return nil
	}
	params := dbx.Params{"ids": list(ids), "now": now.UnixMilli(), "reason": reason}
	for _, statement := range []string{
		"UPDATE _pushDeliveries SET state = 'gone', finished = {:now}, error = {:reason} WHERE state = 'pending' AND device IN (SELECT value FROM json_each({:ids}))",
		"DELETE FROM {{" + Collection + "}} WHERE id IN (SELECT value FROM json_each({:ids}))",
	} {
		if _, err := tx.DB().NewQuery(statement).Bind(params).Execute(); err != nil {
			return fmt.Errorf("push: remove devices: %w", err)
		}
	}
	return nil
}

// removeDevicesOf forgets the devices of a user, or those of former sessions only.
func (p *Plugin) removeDevicesOf(app core.App, user *core.Record, exceptSession, reason string) error {
	ids := []string{}
	err := app.DB().NewQuery("SELECT id FROM {{" + Collection + "}} WHERE [[userCollection]] = {:collection} AND [[user]] = {:user} AND [[session]] <> {:session}").
		Bind(dbx.Params{"collection": user.Collection().Id, "user": user.Id, "session": exceptSession}).Column(&ids)
	if err != nil {
		return fmt.Errorf("push: find devices: %w", err)
	}
	return removeDevices(app, p.now(), reason, ids...)
}

// bindDevices keeps the devices in order: those of users who are deleted, or who
// sign out everywhere, go. What gets past the hooks is found when it is sent.
func (p *Plugin) bindDevices() {
	app := p.app
	app.OnRecordDeleteExecute().Bind(&hook.Handler[*core.RecordEvent]{
		Id: "holdallPushUserDeleted",
		Func: func(e *core.RecordEvent) error {
			if err := e.Next(); err != nil || !e.Record.Collection().IsAuth() {
				return err
			}
			return p.removeDevicesOf(e.App, e.Record, "", "the user was deleted")
		},
	})
	app.OnRecordUpdateExecute().Bind(&hook.Handler[*core.RecordEvent]{
		Id: "holdallPushSignedOut",
		Func: func(e *core.RecordEvent) error {
			revoked := e.Record.Collection().IsAuth() && e.Record.TokenKey() != e.Record.Original().TokenKey()
			if err := e.Next(); err != nil || !revoked {
				return err
			}
			return p.removeDevicesOf(e.App, e.Record, sessionOf(e.Record.TokenKey()), "the user signed out everywhere")
		},
	})
	app.OnRecordDeleteExecute(Collection).Bind(&hook.Handler[*core.RecordEvent]{
		Id: "holdallPushDeviceDeleted",
		Func: func(e *core.RecordEvent) error {
			if err := e.Next(); err != nil {
				return err
			}
			return removeDevices(e.App, p.now(), "the device was deleted", e.Record.Id)
		},
	})
	app.OnRecordUpdate(Collection).Bind(&hook.Handler[*core.RecordEvent]{
		Id: "holdallPushKeepSecrets",
		Func: func(e *core.RecordEvent) error {
			for _, field := range secretFields { // a form that does not have them would clear them
				if e.Record.GetString(field) == "" {
					e.Record.Set(field, e.Record.Original().Get(field))
				}
			}
			return e.Next()
		},
	})
}

// timeOf is nil for the zero times of Go and of the database.
func timeOf(millis int64) *time.Time {
	if millis <= 0 {
		return nil
	}
	t := time.UnixMilli(millis).UTC()
	return &t
}

// list is strings for json_each.
func list(values []string) string {
	if values == nil {
		return "[]"
	}
	encoded, _ := json.Marshal(values) // of strings it cannot fail
	return string(encoded)
}
