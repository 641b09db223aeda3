package push

import (
	"context"
	"database/sql"
	"fmt"
	"time"

	"github.com/pocketbase/dbx"
	"github.com/pocketbase/pocketbase/core"

	"github.com/holdall-go/holdall/internal/clock"
)

// The states of messages. One that is expanded has a delivery for each device.
const (
	messagePending   = "pending"
	messageExpanded  = "expanded"
	messageCancelled = "cancelled"
	messageExpired   = "expired"
	messageFailed    = "failed"
)

// The states of deliveries.
const (
	statePending   = "pending"
	stateSent      = "sent"      // the service has taken it
	stateFailed    = "failed"    // it never will
	stateExpired   = "expired"   // its time was over before it did
	stateGone      = "gone"      // the device has gone, or changed hands
	stateCancelled = "cancelled" // somebody stopped the message
)

// delivery is a message on its way to a device.
type delivery struct {
	ID             int64         `db:"id"`
	Message        string        `db:"message"`
	Device         string        `db:"device"`
	UserCollection string        `db:"userCollection"`
	User           string        `db:"user"`
	Service        string        `db:"service"`
	High           bool          `db:"high"`
	State          string        `db:"state"`
	Created        int64         `db:"created"`
	NextAt         int64         `db:"nextAt"`
	Expires        int64         `db:"expires"`
	Badge          sql.NullInt64 `db:"badge"`
	Attempts       int           `db:"attempts"`
	Finished       int64         `db:"finished"`
	Status         int           `db:"status"`
	Error          string        `db:"error"`
	ServiceID      string        `db:"serviceId"`
	Shown          int64         `db:"shown"`
	Opened         int64         `db:"opened"`
}

// outlook is what there is to do.
type outlook struct {
	Due  bool          `db:"due"`
	Next sql.NullInt64 `db:"next"` // when something is due next
}

func look(ctx context.Context, app core.App, now time.Time) (outlook, error) {
	var o outlook
	err := app.ConcurrentDB().NewQuery(`SELECT
			EXISTS (SELECT 1 FROM _pushMessages WHERE state = 'pending' AND at <= {:now})
				OR EXISTS (SELECT 1 FROM _pushDeliveries WHERE state = 'pending' AND nextAt <= {:now}) AS due,
			(SELECT MIN(at) FROM (SELECT MIN(at) AS at FROM _pushMessages WHERE state = 'pending' AND at > {:now}
				UNION ALL SELECT MIN(nextAt) FROM _pushDeliveries WHERE state = 'pending' AND nextAt > {:now})) AS next`).
		WithContext(ctx).Bind(dbx.Params{"now": now.UnixMilli()}).One(&o)
	if err != nil {
		return o, fmt.Errorf("push: look for work: %w", err)
	}
	return o, nil
}

// dueMessages returns messages that have deliveries to become.
func dueMessages(ctx context.Context, app core.App, now time.Time, limit int) ([]message, error) {
	due := []message{}
	err := app.ConcurrentDB().NewQuery(`SELECT * FROM _pushMessages WHERE state = 'pending' AND at <= {:now}
		ORDER BY high DESC, at LIMIT {:limit}`).WithContext(ctx).
		Bind(dbx.Params{"now": now.UnixMilli(), "limit": limit}).All(&due)
	if err != nil {
		return nil, fmt.Errorf("push: read due messages: %w", err)
	}
	return due, nil
}

// dueServices returns the services that something is to be handed now. It goes
// from one to the next in the index, past everything that waits.
func dueServices(ctx context.Context, app core.App, now time.Time) ([]string, error) {
	names := []string{}
	err := app.ConcurrentDB().NewQuery(`WITH RECURSIVE s(name) AS (
			SELECT MIN(service) FROM _pushDeliveries WHERE state = 'pending'
			UNION ALL SELECT (SELECT MIN(service) FROM _pushDeliveries WHERE state = 'pending' AND service > s.name) FROM s WHERE s.name IS NOT NULL)
		SELECT name FROM s WHERE name IS NOT NULL AND EXISTS (SELECT 1 FROM _pushDeliveries
			WHERE state = 'pending' AND service = s.name AND high IN (0, 1) AND nextAt <= {:now})`).
		WithContext(ctx).Bind(dbx.Params{"now": now.UnixMilli()}).Column(&names)
	if err != nil {
		return nil, fmt.Errorf("push: read due services: %w", err)
	}
	return names, nil
}

// parcel is a delivery with the device it goes to, if that is still there and
// still the same user's.
type parcel struct {
	delivery
	Found    bool   `db:"found"`
	Session  string `db:"session"`
	Token    string `db:"token"`
	P256dh   string `db:"p256dh"`
	Auth     string `db:"auth"`
	App      string `db:"app"`
	Sandbox  bool   `db:"sandbox"`
	Locale   string `db:"locale"`
	Timezone string `db:"timezone"`
}

// dueParcels returns what may be handed to a service now, the urgent first.
func dueParcels(ctx context.Context, app core.App, service string, now time.Time, without map[int64]bool, limit int) ([]parcel, error) {
	free := []parcel{}
	for _, high := range []int{1, 0} {
		due := []parcel{}
		err := app.ConcurrentDB().NewQuery(`SELECT d.*, v.id IS NOT NULL AS found, COALESCE(v.session, '') AS session, COALESCE(v.token, '') AS token,
				COALESCE(v.p256dh, '') AS p256dh, COALESCE(v.auth, '') AS auth, COALESCE(v.app, '') AS app, COALESCE(v.sandbox, 0) AS sandbox,
				COALESCE(v.locale, '') AS locale, COALESCE(v.timezone, '') AS timezone
			FROM _pushDeliveries d LEFT JOIN {{` + Collection + `}} v ON v.id = d.device AND v.[[userCollection]] = d.[[userCollection]] AND v.[[user]] = d.[[user]]
			WHERE d.state = 'pending' AND d.service = {:service} AND d.high = {:high} AND d.nextAt <= {:now} ORDER BY d.nextAt, d.id LIMIT {:limit}`).
			WithContext(ctx).
			Bind(dbx.Params{"service": service, "high": high, "now": now.UnixMilli(), "limit": limit + len(without)}).All(&due)
		if err != nil {
			return nil, fmt.Errorf("push: read due deliveries: %w", err)
		}
		for _, d := range due {
			if !without[d.ID] && len(free) < limit {
				free = append(free, d)
			}
		}
	}
	return free, nil
}

func findMessage(ctx context.Context, app core.App, id string) (message, error) {
	var m message
	err := app.ConcurrentDB().NewQuery(`SELECT * FROM _pushMessages WHERE id = {:id}`).WithContext(ctx).Bind(dbx.Params{"id": id}).One(&m)
	if err != nil {
		return m, fmt.Errorf("push: find message %s: %w", id, err)
	}
	return m, nil
}

// outcome is what became of a delivery for now.
type outcome struct {
	delivery  int64
	state     string
	nextAt    time.Time // if pending
	expires   time.Time // if it changes
	attempted bool      // counts
	status    int
	problem   string
	serviceID string
	device    string // to be removed
}

// saveOutcomes moves deliveries on, and removes the devices that have gone
// together with what else is on its way to them.
func saveOutcomes(tx core.App, outcomes []outcome, now time.Time) error {
	for _, o := range outcomes {
		finished, attempts, expires := int64(0), 0, int64(0)
		if o.state != statePending {
			finished = now.UnixMilli()
		}
		if o.attempted {
			attempts = 1
		}
		if !o.expires.IsZero() {
			expires = o.expires.UnixMilli()
		}
		_, err := tx.DB().NewQuery(`UPDATE _pushDeliveries SET state = {:state}, nextAt = {:nextAt}, attempts = attempts + {:attempts},
				expires = CASE {:expires} WHEN 0 THEN expires ELSE {:expires} END, finished = {:finished}, status = {:status},
				error = {:error}, serviceId = {:serviceId}
			WHERE id = {:id} AND state = 'pending'`).
			Bind(dbx.Params{
				"id": o.delivery, "state": o.state, "nextAt": o.nextAt.UnixMilli(), "attempts": attempts, "expires": expires,
				"finished": finished, "status": o.status, "error": o.problem, "serviceId": o.serviceID,
			}).Execute()
		if err != nil {
			return fmt.Errorf("push: save a delivery: %w", err)
		}
	}
	var gone []string
	for _, o := range outcomes {
		if o.device != "" {
			gone = append(gone, o.device)
		}
	}
	return removeDevices(tx, now, "the device has gone", gone...)
}

// holdLease takes or prolongs the right to send, and tells whether this process has it.
func holdLease(ctx context.Context, app core.App, owner string, now, until time.Time) (bool, error) {
	result, err := app.NonconcurrentDB().NewQuery(`UPDATE _pushLease SET owner = {:owner}, until = {:until}
		WHERE owner = {:owner} OR until < {:now} OR until > {:far}`).WithContext(ctx).
		Bind(dbx.Params{
			"owner": owner, "now": now.UnixMilli(), "until": until.UnixMilli(), "far": now.Add(clock.LongestLease).UnixMilli(),
		}).Execute()
	if err != nil {
		return false, fmt.Errorf("push: hold the lease: %w", err)
	}
	n, err := result.RowsAffected()
	return n > 0, err
}

func releaseLease(app core.App, owner string) error {
	_, err := app.NonconcurrentDB().NewQuery(`UPDATE _pushLease SET until = 0 WHERE owner = {:owner}`).
		Bind(dbx.Params{"owner": owner}).Execute()
	return err
}
