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
	Pending int64 `json:"pending" doc:"How many deliveries wait or are tried."`
	Failed  int64 `json:"failed" doc:"How many deliveries were given up."`
	// FailingSince is null unless all attempts since then have failed.
	FailingSince   *time.Time `json:"failingSince" doc:"Null unless all attempts since then have failed."`
	LastSuccess    *time.Time `json:"lastSuccess"`
	LastFailure    *time.Time `json:"lastFailure"`
	LastError      string     `json:"lastError"`
	DisabledAt     *time.Time `json:"disabledAt" doc:"When it was disabled last, by itself or by somebody."`
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
	Endpoint string `json:"endpoint" doc:"The id of the endpoint."`
	Event    string `json:"event" doc:"The id of the event, which is the webhook-id of the message."`
	Type     string `json:"type" example:"orders.update"`
	// Run is empty for the first delivery of the event.
	Run   string `json:"run" doc:"Empty for the first delivery of the event."`
	State string `json:"state" enum:"pending,delivered,failed"`
	// Waiting tells that it waits behind another of the same record.
	Waiting  bool       `json:"waiting" doc:"Whether it waits behind another of the same record."`
	Attempts int        `json:"attempts" doc:"How many there were."`
	Status   int        `json:"status" doc:"Of the last answer, 0 if there was none."`
	Error    string     `json:"error" doc:"Of the last attempt, empty if it succeeded."`
	Created  *time.Time `json:"created"`
	NextAt   *time.Time `json:"nextAt" doc:"When it is tried again, null if it is not."`
	Finished *time.Time `json:"finished" doc:"Null while it is pending."`
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
	DurationMS int64      `json:"durationMs" doc:"How long it took, in milliseconds."`
	URL        string     `json:"url"`
	// RequestHeaders and ResponseHeaders are without what is secret.
	RequestHeaders  map[string]string `json:"requestHeaders" doc:"By their names, without what is secret."`
	Status          int               `json:"status" doc:"Of the answer, 0 if there was none."`
	ResponseHeaders map[string]string `json:"responseHeaders" doc:"By their names, without what is secret."`
	// ResponseBody is the beginning of the answer.
	ResponseBody string `json:"responseBody" doc:"The first 4 KiB of the answer."`
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
			At: timeOf(a.At), DurationMS: a.Duration, URL: a.URL, RequestHeaders: headersOf(a.RequestHeaders),
			Status: a.Status, ResponseHeaders: headersOf(a.ResponseHeaders), ResponseBody: a.ResponseBody, Error: a.Error,
		}
	}
	return list, nil
}

func headersOf(stored string) map[string]string {
	headers := map[string]string{}
	_ = json.Unmarshal([]byte(stored), &headers) // the plugin wrote it
	return headers
}

// Received is a message that was received.
type Received struct {
	ID       int64      `json:"id"`
	Path     string     `json:"path" doc:"Where it was received."`
	Message  string     `json:"message" doc:"The id that its sender gave it, or a digest."`
	State    string     `json:"state" enum:"pending,done,failed"`
	Attempts int        `json:"attempts" doc:"How often it was handled."`
	Error    string     `json:"error" doc:"Of the last attempt."`
	Received *time.Time `json:"received" doc:"When it came first."`
	NextAt   *time.Time `json:"nextAt" doc:"When it is handled again, null if it is not."`
	Finished *time.Time `json:"finished" doc:"Null while it is pending."`
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
