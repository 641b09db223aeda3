package push

import (
	"context"
	"encoding/json"
	"fmt"
	"time"

	"github.com/pocketbase/dbx"
)

// MessageState says what has become of a message.
type MessageState struct {
	ID      string     `json:"id"`
	Key     string     `json:"key,omitempty"`
	State   string     `json:"state" enum:"pending,sending,done,cancelled,expired,failed"`
	Error   string     `json:"error,omitempty"`
	Created *time.Time `json:"created"`
	At      *time.Time `json:"at" doc:"When it is due."`
	Title   string     `json:"title"`
	// Deliveries are how many there are by state: pending, sent, failed, expired,
	// gone, cancelled. Shown and Opened are how many receipts there are.
	Deliveries map[string]int64 `json:"deliveries" doc:"How many there are by state, of those that there are: pending, sent, failed, expired, gone, cancelled."`
	Shown      int64            `json:"shown" doc:"How many devices have told that they have shown it."`
	Opened     int64            `json:"opened" doc:"On how many devices it was opened."`
}

// MessageQuery chooses messages. Zero values choose all.
type MessageQuery struct {
	// Before is an id: only messages stored before it.
	Before string
	// Limit defaults to 50 and is at most 200.
	Limit int
}

// Messages lists messages, the newest first.
func (p *Plugin) Messages(ctx context.Context, q MessageQuery) ([]MessageState, error) {
	query := p.app.ConcurrentDB().Select("*").From("_pushMessages").OrderBy("created DESC", "id DESC").Limit(limited(q.Limit)).WithContext(ctx)
	if q.Before != "" {
		query.AndWhere(dbx.NewExp("(created, id) < (SELECT created, id FROM _pushMessages WHERE id = {:before})", dbx.Params{"before": q.Before}))
	}
	rows := []message{}
	if err := query.All(&rows); err != nil {
		return nil, fmt.Errorf("push: list messages: %w", err)
	}
	return p.states(ctx, rows)
}

func limited(limit int) int64 {
	if limit <= 0 {
		return 50
	}
	return int64(min(limit, 200))
}

// Message tells what has become of a message. The error wraps [sql.ErrNoRows] if
// there is none.
func (p *Plugin) Message(ctx context.Context, id string) (MessageState, error) {
	row, err := findMessage(ctx, p.app, id)
	if err != nil {
		return MessageState{}, err
	}
	list, err := p.states(ctx, []message{row})
	if err != nil {
		return MessageState{}, err
	}
	return list[0], nil
}

// states adds to messages how many deliveries they have.
func (p *Plugin) states(ctx context.Context, rows []message) ([]MessageState, error) {
	states := make([]MessageState, len(rows))
	ids := make([]string, len(rows))
	index := map[string]int{}
	for i, m := range rows {
		states[i] = MessageState{
			ID: m.ID, Key: m.Key, State: m.State, Error: m.Error, Created: timeOf(m.Created), At: timeOf(m.At), Deliveries: map[string]int64{},
		}
		var content Message
		if err := json.Unmarshal([]byte(m.Content), &content); err == nil {
			states[i].Title = content.Title
		}
		ids[i], index[m.ID] = m.ID, i
	}
	counts := []struct {
		Message string `db:"message"`
		State   string `db:"state"`
		Count   int64  `db:"count"`
		Shown   int64  `db:"shown"`
		Opened  int64  `db:"opened"`
	}{}
	err := p.app.ConcurrentDB().NewQuery(`SELECT message, state, COUNT(*) AS count, SUM(shown > 0) AS shown, SUM(opened > 0) AS opened
		FROM _pushDeliveries WHERE message IN (SELECT value FROM json_each({:ids})) GROUP BY message, state`).
		WithContext(ctx).Bind(dbx.Params{"ids": list(ids)}).All(&counts)
	if err != nil {
		return nil, fmt.Errorf("push: count deliveries: %w", err)
	}
	for _, c := range counts {
		s := &states[index[c.Message]]
		s.Deliveries[c.State] = c.Count
		s.Shown += c.Shown
		s.Opened += c.Opened
	}
	for i := range states {
		if states[i].State != messageExpanded {
			continue
		}
		states[i].State = "done"
		if states[i].Deliveries[statePending] > 0 {
			states[i].State = "sending"
		}
	}
	return states, nil
}

// Delivery is a message on its way to a device, or there.
type Delivery struct {
	ID       int64      `json:"id"`
	Message  string     `json:"message" doc:"The id of the message."`
	Device   string     `json:"device" doc:"The id of the device."`
	User     User       `json:"user"`
	Service  string     `json:"service" doc:"The provider, and of Web Push the host besides."`
	State    string     `json:"state" enum:"pending,sent,failed,expired,gone,cancelled"`
	Attempts int        `json:"attempts" doc:"How many there were."`
	Status   int        `json:"status" doc:"Of the last answer, 0 without one."`
	Error    string     `json:"error" doc:"Of the last attempt."`
	Created  *time.Time `json:"created"`
	NextAt   *time.Time `json:"nextAt" doc:"When it is tried next, null unless it is pending."`
	Expires  *time.Time `json:"expires" doc:"Until when it is worth sending."`
	Finished *time.Time `json:"finished" doc:"Null while it is pending."`
	Shown    *time.Time `json:"shown" doc:"When the device told that it has shown it."`
	Opened   *time.Time `json:"opened" doc:"When it was opened."`
}

func (d delivery) public() Delivery {
	shown := Delivery{
		ID: d.ID, Message: d.Message, Device: d.Device, User: User{Collection: d.UserCollection, ID: d.User}, Service: d.Service,
		State: d.State, Attempts: d.Attempts, Status: d.Status, Error: d.Error, Created: timeOf(d.Created), Expires: timeOf(d.Expires),
		Finished: timeOf(d.Finished), Shown: timeOf(d.Shown), Opened: timeOf(d.Opened),
	}
	if d.State == statePending {
		shown.NextAt = timeOf(d.NextAt)
	}
	return shown
}

// DeliveryQuery chooses deliveries. Zero values choose all.
type DeliveryQuery struct {
	Message, Device, User, Service, State string
	// Before is an id: only older deliveries.
	Before int64
	// Limit defaults to 50 and is at most 200.
	Limit int
}

// Deliveries lists deliveries, the newest first.
func (p *Plugin) Deliveries(ctx context.Context, q DeliveryQuery) ([]Delivery, error) {
	query := p.app.ConcurrentDB().Select("*").From("_pushDeliveries").OrderBy("id DESC").Limit(limited(q.Limit)).WithContext(ctx)
	for column, value := range map[string]string{"message": q.Message, "device": q.Device, "user": q.User, "service": q.Service, "state": q.State} {
		if value != "" {
			query.AndWhere(dbx.HashExp{column: value})
		}
	}
	if q.Before > 0 {
		query.AndWhere(dbx.NewExp("id < {:before}", dbx.Params{"before": q.Before}))
	}
	rows := []delivery{}
	if err := query.All(&rows); err != nil {
		return nil, fmt.Errorf("push: list deliveries: %w", err)
	}
	list := make([]Delivery, len(rows))
	for i, d := range rows {
		list[i] = d.public()
	}
	return list, nil
}

// ServiceState says how a service is doing.
type ServiceState struct {
	// Name is the provider, and of Web Push the host besides.
	Name    string `json:"name" doc:"The provider, and of Web Push the host besides." example:"webpush:push.example.net"`
	Devices int64  `json:"devices" doc:"How many there are."`
	Pending int64  `json:"pending" doc:"How many deliveries wait or are tried."`
	// PausedSince is null unless the service did not accept our credentials.
	// PausedUntil is when one notification finds out whether it does now.
	PausedSince *time.Time `json:"pausedSince" doc:"Null unless the service did not accept our credentials."`
	PausedUntil *time.Time `json:"pausedUntil" doc:"When one notification finds out whether it does now."`
	// FailingSince is null unless all attempts since then have failed.
	FailingSince *time.Time `json:"failingSince" doc:"Null unless all attempts since then have failed."`
	LastSuccess  *time.Time `json:"lastSuccess"`
	LastFailure  *time.Time `json:"lastFailure"`
	LastError    string     `json:"lastError"`
}

// Services tells how the services are doing that have devices, or had lately. Of
// more than 200 the others are left out.
func (p *Plugin) Services(ctx context.Context) ([]ServiceState, error) {
	rows := []struct {
		Name         string `db:"name"`
		Devices      int64  `db:"devices"`
		Pending      int64  `db:"pending"`
		PausedSince  int64  `db:"pausedSince"`
		PausedUntil  int64  `db:"pausedUntil"`
		FailingSince int64  `db:"failingSince"`
		LastSuccess  int64  `db:"lastSuccess"`
		LastFailure  int64  `db:"lastFailure"`
		LastError    string `db:"lastError"`
	}{}
	err := p.app.ConcurrentDB().NewQuery(`WITH v AS (SELECT service AS name, COUNT(*) AS devices FROM {{` + Collection + `}} GROUP BY service),
			d AS (SELECT service AS name, COUNT(*) AS pending FROM _pushDeliveries WHERE state = 'pending' GROUP BY service)
		SELECT n.name, COALESCE(v.devices, 0) AS devices, COALESCE(d.pending, 0) AS pending,
			COALESCE(s.pausedSince, 0) AS pausedSince, COALESCE(s.pausedUntil, 0) AS pausedUntil, COALESCE(s.failingSince, 0) AS failingSince,
			COALESCE(s.lastSuccess, 0) AS lastSuccess, COALESCE(s.lastFailure, 0) AS lastFailure, COALESCE(s.lastError, '') AS lastError
		FROM (SELECT name FROM v UNION SELECT name FROM d UNION SELECT name FROM _pushServices) n
			LEFT JOIN v ON v.name = n.name LEFT JOIN d ON d.name = n.name LEFT JOIN _pushServices s ON s.name = n.name
		ORDER BY COALESCE(v.devices, 0) DESC, n.name LIMIT 200`).WithContext(ctx).All(&rows)
	if err != nil {
		return nil, fmt.Errorf("push: list services: %w", err)
	}
	list := make([]ServiceState, len(rows))
	for i, r := range rows {
		list[i] = ServiceState{
			Name: r.Name, Devices: r.Devices, Pending: r.Pending, PausedSince: timeOf(r.PausedSince), FailingSince: timeOf(r.FailingSince),
			LastSuccess: timeOf(r.LastSuccess), LastFailure: timeOf(r.LastFailure), LastError: r.LastError,
		}
		if r.PausedSince > 0 {
			list[i].PausedUntil = timeOf(r.PausedUntil)
		}
	}
	return list, nil
}
