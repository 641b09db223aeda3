package webhooks

import (
	"context"
	"encoding/json"
	"fmt"
	"time"

	"github.com/pocketbase/dbx"
	"github.com/pocketbase/pocketbase/core"
)

// EndpointState says how an endpoint is doing.
type EndpointState struct {
	ID      string `json:"id"`
	Name    string `json:"name"`
	URL     string `json:"url"`
	Enabled bool   `json:"enabled"`
	// Pending deliveries wait or are tried, Failed ones were given up.
	Pending int64 `json:"pending"`
	Failed  int64 `json:"failed"`
	// FailingSince is null unless all attempts since then have failed.
	FailingSince   *time.Time `json:"failingSince"`
	LastSuccess    *time.Time `json:"lastSuccess"`
	LastFailure    *time.Time `json:"lastFailure"`
	LastError      string     `json:"lastError"`
	DisabledAt     *time.Time `json:"disabledAt"`
	DisabledReason string     `json:"disabledReason"`
}

// Endpoints tells how all endpoints are doing.
func (p *Plugin) Endpoints(ctx context.Context) ([]EndpointState, error) {
	rows := []struct {
		ID             string `db:"id"`
		Name           string `db:"name"`
		URL            string `db:"url"`
		Enabled        bool   `db:"enabled"`
		Pending        int64  `db:"pending"`
		Failed         int64  `db:"failed"`
		FailingSince   int64  `db:"failingSince"`
		LastSuccess    int64  `db:"lastSuccess"`
		LastFailure    int64  `db:"lastFailure"`
		LastError      string `db:"lastError"`
		DisabledAt     string `db:"disabledAt"`
		DisabledReason string `db:"disabledReason"`
	}{}
	err := p.app.ConcurrentDB().NewQuery(`SELECT e.id, e.name, e.url, e.enabled, e.disabledAt, e.disabledReason,
			(SELECT COUNT(*) FROM _webhooksDeliveries d WHERE d.endpoint = e.id AND d.state = 'pending') AS pending,
			(SELECT COUNT(*) FROM _webhooksDeliveries d WHERE d.endpoint = e.id AND d.state = 'failed') AS failed,
			COALESCE(h.failingSince, 0) AS failingSince, COALESCE(h.lastSuccess, 0) AS lastSuccess,
			COALESCE(h.lastFailure, 0) AS lastFailure, COALESCE(h.lastError, '') AS lastError
		FROM _webhooks e LEFT JOIN _webhooksHealth h ON h.endpoint = e.id ORDER BY e.name, e.id`).WithContext(ctx).All(&rows)
	if err != nil {
		return nil, fmt.Errorf("webhooks: list endpoints: %w", err)
	}
	list := make([]EndpointState, len(rows))
	for i, r := range rows {
		list[i] = EndpointState{
			ID: r.ID, Name: r.Name, URL: r.URL, Enabled: r.Enabled, Pending: r.Pending, Failed: r.Failed,
			FailingSince: timeOf(r.FailingSince), LastSuccess: timeOf(r.LastSuccess), LastFailure: timeOf(r.LastFailure),
			LastError: r.LastError, DisabledReason: r.DisabledReason,
		}
		if at, err := time.Parse("2006-01-02 15:04:05.000Z", r.DisabledAt); err == nil {
			list[i].DisabledAt = &at
		}
	}
	return list, nil
}

// timeOf is nil for 0.
func timeOf(millis int64) *time.Time {
	if millis == 0 {
		return nil
	}
	t := time.UnixMilli(millis).UTC()
	return &t
}

// Delivery is an event on its way to an endpoint, or there.
type Delivery struct {
	ID       int64  `json:"id"`
	Endpoint string `json:"endpoint"`
	Event    string `json:"event"` // the webhook-id
	Type     string `json:"type"`
	// Run is empty for the first delivery of the event.
	Run string `json:"run"`
	// State is pending, delivered or failed.
	State string `json:"state"`
	// Waiting tells that it waits behind another of the same record.
	Waiting  bool       `json:"waiting"`
	Attempts int        `json:"attempts"`
	Status   int        `json:"status"` // of the last answer, 0 if there was none
	Error    string     `json:"error"`
	Created  *time.Time `json:"created"`
	NextAt   *time.Time `json:"nextAt"` // null unless it is tried again
	Finished *time.Time `json:"finished"`
}

func (d delivery) public() Delivery {
	shown := Delivery{
		ID: d.ID, Endpoint: d.Endpoint, Event: d.Event, Type: d.Type, Run: d.Run, State: d.State,
		Waiting: d.State == statePending && !d.Ready, Attempts: d.Attempts, Status: d.Status, Error: d.Error,
		Created: timeOf(d.Created), Finished: timeOf(d.Finished),
	}
	if d.State == statePending && d.Ready {
		shown.NextAt = timeOf(d.NextAt)
	}
	return shown
}

// DeliveryQuery selects deliveries. What is empty selects nothing.
type DeliveryQuery struct {
	Endpoint, State, Event string
	// Subject is the id of a collection, a slash and the id of a record.
	Subject string
	// Before is the id of a delivery: only older ones are listed.
	Before int64
	// Limit defaults to 50 and is at most 200.
	Limit int
}

// Deliveries lists deliveries, the newest first.
func (p *Plugin) Deliveries(ctx context.Context, q DeliveryQuery) ([]Delivery, error) {
	query := p.app.ConcurrentDB().Select().From("_webhooksDeliveries").OrderBy("id DESC").Limit(limited(q.Limit)).WithContext(ctx)
	for column, value := range map[string]string{"endpoint": q.Endpoint, "state": q.State, "event": q.Event, "subject": q.Subject} {
		if value != "" {
			query.AndWhere(dbx.HashExp{column: value})
		}
	}
	if q.Before > 0 {
		query.AndWhere(dbx.NewExp("id < {:before}", dbx.Params{"before": q.Before}))
	}
	rows := []delivery{}
	if err := query.All(&rows); err != nil {
		return nil, fmt.Errorf("webhooks: list deliveries: %w", err)
	}
	list := make([]Delivery, len(rows))
	for i, d := range rows {
		list[i] = d.public()
	}
	return list, nil
}

func limited(limit int) int64 {
	if limit <= 0 {
		return 50
	}
	return int64(min(limit, 200))
}

// Attempt is one try to deliver.
type Attempt struct {
	At         *time.Time `json:"at"`
	DurationMS int64      `json:"durationMs"`
	URL        string     `json:"url"`
	// RequestHeaders and ResponseHeaders are without what is secret.
	RequestHeaders  json.RawMessage `json:"requestHeaders"`
	Status          int             `json:"status"`
	ResponseHeaders json.RawMessage `json:"responseHeaders"`
	// ResponseBody is the beginning of the answer.
	ResponseBody string `json:"responseBody"`
	Error        string `json:"error"`
}

// maxTries is how many attempts of a delivery are shown.
const maxTries = 100

func attemptsOf(ctx context.Context, app core.App, delivery int64) ([]Attempt, error) {
	rows := []attempt{}
	err := app.ConcurrentDB().NewQuery(`SELECT * FROM _webhooksAttempts WHERE delivery = {:delivery} ORDER BY id DESC LIMIT {:limit}`).
		WithContext(ctx).Bind(dbx.Params{"delivery": delivery, "limit": maxTries}).All(&rows)
	if err != nil {
		return nil, fmt.Errorf("webhooks: list attempts: %w", err)
	}
	list := make([]Attempt, len(rows))
	for i, a := range rows {
		list[i] = Attempt{
			At: timeOf(a.At), DurationMS: a.Duration, URL: a.URL, RequestHeaders: json.RawMessage(a.RequestHeaders),
			Status: a.Status, ResponseHeaders: json.RawMessage(a.ResponseHeaders), ResponseBody: a.ResponseBody, Error: a.Error,
		}
	}
	return list, nil
}

// Received is a message that was received.
type Received struct {
	ID      int64  `json:"id"`
	Path    string `json:"path"`
	Message string `json:"message"`
	// State is pending, done or failed.
	State    string     `json:"state"`
	Attempts int        `json:"attempts"`
	Error    string     `json:"error"`
	Received *time.Time `json:"received"`
	NextAt   *time.Time `json:"nextAt"`
	Finished *time.Time `json:"finished"`
}

func (row inbound) public() Received {
	shown := Received{
		ID: row.ID, Path: row.Path, Message: row.Message, State: row.State, Attempts: row.Attempts, Error: row.Error,
		Received: timeOf(row.Received), Finished: timeOf(row.Finished),
	}
	if row.State == statePending {
		shown.NextAt = timeOf(row.NextAt)
	}
	return shown
}

// Inbox lists received messages in a state, or all, the newest first.
func (p *Plugin) Inbox(ctx context.Context, state string, before int64, limit int) ([]Received, error) {
	query := p.app.ConcurrentDB().
		Select("id", "path", "message", "state", "attempts", "error", "received", "nextAt", "finished").
		From("_webhooksInbox").OrderBy("id DESC").Limit(limited(limit)).WithContext(ctx)
	if state != "" {
		query.AndWhere(dbx.HashExp{"state": state})
	}
	if before > 0 {
		query.AndWhere(dbx.NewExp("id < {:before}", dbx.Params{"before": before}))
	}
	rows := []inbound{}
	if err := query.All(&rows); err != nil {
		return nil, fmt.Errorf("webhooks: list the inbox: %w", err)
	}
	list := make([]Received, len(rows))
	for i, row := range rows {
		list[i] = row.public()
	}
	return list, nil
}

func findInbound(ctx context.Context, app core.App, id int64) (inbound, error) {
	var row inbound
	err := app.ConcurrentDB().NewQuery(`SELECT * FROM _webhooksInbox WHERE id = {:id}`).WithContext(ctx).Bind(dbx.Params{"id": id}).One(&row)
	if err != nil {
		return row, fmt.Errorf("webhooks: find message %d: %w", id, err)
	}
	return row, nil
}
