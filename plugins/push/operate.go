package push

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/pocketbase/dbx"
	"github.com/pocketbase/pocketbase/core"

	"github.com/holdall-go/holdall/plugins/push/provider"
)

// Status says how push is doing.
type Status struct {
	// Providers are the names of those that the server sends by.
	Providers []string       `json:"providers" doc:"Those that the server sends by."`
	Services  []ServiceState `json:"services" maxItems:"200"`
	// Waiting are messages that are not due, or have not become deliveries yet.
	Waiting int64 `json:"waiting" doc:"How many messages are not due, or have not become deliveries yet."`
}

// Status tells how push is doing.
func (p *Plugin) Status(ctx context.Context) (Status, error) {
	s := Status{Providers: []string{}}
	for _, name := range p.names() {
		if p.sends(name) {
			s.Providers = append(s.Providers, name)
		}
	}
	err := p.app.ConcurrentDB().NewQuery(`SELECT COUNT(*) FROM _pushMessages WHERE state = 'pending'`).WithContext(ctx).Row(&s.Waiting)
	if err != nil {
		return s, fmt.Errorf("push: count messages: %w", err)
	}
	s.Services, err = p.Services(ctx)
	return s, err
}

// testText is what a test says unless it is told to say something else. The tags of
// testBody say the same.
var testText = Text{Title: "Test", Body: "Push notifications reach this device."}

// TestResult is what a service answered.
type TestResult struct {
	Sent bool `json:"sent"`
	// Kind is retry, gone, credentials or refused if it was not sent.
	Kind   string `json:"kind,omitempty" enum:"retry,gone,credentials,refused" doc:"Why it was not sent."`
	Status int    `json:"status,omitempty" doc:"Of the service's answer."`
	Error  string `json:"error,omitempty"`
	// ServiceID is the service's name for what it took.
	ServiceID string `json:"serviceId,omitempty" doc:"What the service calls it."`
}

// Test sends a device one notification, at once and once, and tells what came of
// it. The error wraps [sql.ErrNoRows] if there is no such device. One that has gone
// is removed.
func (p *Plugin) Test(ctx context.Context, device string, text Text) (TestResult, error) {
	record, err := p.app.FindRecordById(Collection, device)
	if err != nil {
		return TestResult{}, fmt.Errorf("push: find a device: %w", err)
	}
	if err := p.prepare(p.app); err != nil {
		return TestResult{}, err
	}
	client := p.client(record.GetString(fieldProvider))
	if client == nil {
		return TestResult{Kind: provider.Refused.String(), Error: "the server does not send by " + record.GetString(fieldProvider)}, nil
	}
	limited, cancel := context.WithTimeout(ctx, p.config.Timeout)
	defer cancel()
	id, err := client.Send(limited, provider.Target{
		Token: record.GetString(fieldToken), P256dh: record.GetString(fieldP256dh), Auth: record.GetString(fieldAuth),
		Topic: record.GetString(fieldApp), Sandbox: record.GetBool(fieldSandbox),
	}, &provider.Notification{Title: text.Title, Body: text.Body, TTL: time.Minute, High: true})
	if err == nil {
		return TestResult{Sent: true, ServiceID: id}, nil
	}
	failure := &provider.Error{Kind: provider.Retry, Err: err}
	errors.As(err, &failure)
	if failure.Kind == provider.Gone {
		err := p.app.RunInTransaction(func(tx core.App) error {
			return removeDevices(tx, p.now(), "the device has gone", record.Id)
		})
		if err != nil {
			return TestResult{}, err
		}
	}
	return TestResult{Kind: failure.Kind.String(), Status: failure.Status, Error: cut(err.Error())}, nil
}

// Cancel stops what has not been sent of a message. It returns how many deliveries
// that were, of those that there are already.
func (p *Plugin) Cancel(ctx context.Context, id string) (int64, error) {
	if _, err := findMessage(ctx, p.app, id); err != nil {
		return 0, err
	}
	stopped := int64(0)
	err := p.app.RunInTransaction(func(tx core.App) error {
		params := dbx.Params{"id": id, "now": p.now().UnixMilli()}
		_, err := tx.DB().NewQuery(`UPDATE _pushMessages SET state = 'cancelled' WHERE id = {:id} AND state IN ('pending', 'expanded')
			AND (state = 'pending' OR EXISTS (SELECT 1 FROM _pushDeliveries WHERE message = {:id} AND state = 'pending'))`).
			WithContext(ctx).Bind(params).Execute()
		if err != nil {
			return err
		}
		result, err := tx.DB().NewQuery(`UPDATE _pushDeliveries SET state = 'cancelled', finished = {:now} WHERE message = {:id} AND state = 'pending'`).
			WithContext(ctx).Bind(params).Execute()
		if err != nil {
			return err
		}
		stopped, err = result.RowsAffected()
		return err
	})
	if err != nil {
		return 0, fmt.Errorf("push: cancel a message: %w", err)
	}
	return stopped, nil
}

// errNoService is what nobody can be asked about.
var errNoService = errors.New("push: there is no such service")

// Resume ends the pause of a service, by its name in [ServiceState]. One
// notification finds out whether it accepts our credentials now.
func (p *Plugin) Resume(ctx context.Context, service string) error {
	if !p.sends(providerOf(service)) {
		return errNoService
	}
	if err := p.tryAgain(ctx, service); err != nil {
		return fmt.Errorf("push: resume a service: %w", err)
	}
	return nil
}
