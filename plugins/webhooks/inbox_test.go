package webhooks_test

import (
	"context"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/pocketbase/pocketbase/core"

	"github.com/holdall-go/holdall/internal/pbtest"
	"github.com/holdall-go/holdall/plugins/webhooks"
)

func nothing(context.Context, core.App, webhooks.Message) error { return nil }

// hmacOf is the verifier of the tests, for messages that are signed by sign.
func hmacOf(secrets ...string) webhooks.Verifier {
	return webhooks.HMAC{Secrets: secrets, Header: "X-Sign", Prefix: "sha256="}
}

func sign(secret, body string) http.Header {
	mac := hmac.New(sha256.New, []byte(secret))
	mac.Write([]byte(body))
	return http.Header{"X-Sign": {"sha256=" + hex.EncodeToString(mac.Sum(nil))}}
}

// send posts a body as it is.
func send(t *testing.T, handler http.Handler, path, body string, header http.Header) *httptest.ResponseRecorder {
	t.Helper()
	request := httptest.NewRequestWithContext(t.Context(), http.MethodPost, path, strings.NewReader(body))
	for name, values := range header {
		request.Header[name] = values
	}
	recorder := httptest.NewRecorder()
	handler.ServeHTTP(recorder, request)
	return recorder
}

func awaitMessages(t *testing.T, p *webhooks.Plugin, state string, n int) []webhooks.Received {
	t.Helper()
	var list []webhooks.Received
	pbtest.Eventually(t, patience, func() (err error) {
		list, err = p.Inbox(t.Context(), state, 0, 200)
		if err == nil && len(list) != n {
			err = fmt.Errorf("%d messages are %s, want %d", len(list), state, n)
		}
		return err
	})
	return list
}

// createOrder is a handler that does what handlers do.
func createOrder(_ context.Context, tx core.App, m webhooks.Message) error {
	orders, err := tx.FindCollectionByNameOrId("orders")
	if err != nil {
		return err
	}
	record := core.NewRecord(orders)
	record.Set("title", string(m.Body))
	return tx.Save(record)
}

func countOrders(t *testing.T, app core.App) int {
	t.Helper()
	n, err := app.CountRecords("orders")
	if err != nil {
		t.Fatal(err)
	}
	return int(n)
}

func TestReceive(t *testing.T) {
	t.Parallel()
	app, p, start := newApp(t, fast())
	p.Receive("/api/v1/hooks/erp", hmacOf("s"), createOrder)
	start()
	handler := pbtest.Handler(t, app)
	body := "{\"a\": 1}\n \x00\xff" // not to be parsed, trimmed or re-encoded
	for range 3 {
		if answer := send(t, handler, "/api/v1/hooks/erp", body, sign("s", body)); answer.Code != http.StatusNoContent {
			t.Fatalf("got %d %s", answer.Code, answer.Body)
		}
	}
	awaitMessages(t, p, "done", 1)
	if n := countOrders(t, app); n != 1 {
		t.Errorf("the message was handled %d times", n)
	}
	for name, c := range map[string]struct {
		body   string
		header http.Header
		want   int
	}{
		"another body":       {body + " ", sign("s", body), 401},
		"another secret":     {body, sign("t", body), 401},
		"no signature":       {body, nil, 401},
		"a large body":       {strings.Repeat("x", 1<<20+1), nil, 413},
		"a large signed one": {strings.Repeat("x", 1<<20+1), sign("s", strings.Repeat("x", 1<<20+1)), 413},
	} {
		if answer := send(t, handler, "/api/v1/hooks/erp", c.body, c.header); answer.Code != c.want {
			t.Errorf("%s: got %d %s, want %d", name, answer.Code, answer.Body, c.want)
		}
	}
	large := strings.Repeat("x", 1<<20+1)
	request := httptest.NewRequestWithContext(t.Context(), http.MethodPost, "/api/v1/hooks/erp", io.MultiReader(strings.NewReader(large)))
	request.ContentLength, request.Header = -1, sign("s", large)
	recorder := httptest.NewRecorder()
	if handler.ServeHTTP(recorder, request); recorder.Code != http.StatusRequestEntityTooLarge {
		t.Errorf("a large body of unknown length: got %d %s", recorder.Code, recorder.Body)
	}
	awaitMessages(t, p, "", 1)
}

// TestParallelCopies sends one message many times at once.
func TestParallelCopies(t *testing.T) {
	t.Parallel()
	app, p, start := newApp(t, fast())
	p.Receive("/in", hmacOf("s"), createOrder)
	start()
	handler := pbtest.Handler(t, app)
	var senders sync.WaitGroup
	for range 20 {
		senders.Go(func() {
			if answer := send(t, handler, "/in", "same", sign("s", "same")); answer.Code != http.StatusNoContent {
				t.Errorf("got %d %s", answer.Code, answer.Body)
			}
		})
	}
	senders.Wait()
	awaitMessages(t, p, "done", 1)
	if n := countOrders(t, app); n != 1 {
		t.Errorf("the message was handled %d times", n)
	}
}

// TestHandlerThatFails writes, and then fails or panics, before it succeeds: what
// it wrote in vain is gone.
func TestHandlerThatFails(t *testing.T) {
	t.Parallel()
	app, p, start := newApp(t, fast())
	var calls atomic.Int32
	p.Receive("/in", hmacOf("s"), func(ctx context.Context, tx core.App, m webhooks.Message) error {
		if err := createOrder(ctx, tx, m); err != nil {
			return err
		}
		switch n := calls.Add(1); {
		case int(n) != m.Attempt:
			t.Errorf("call %d is attempt %d", n, m.Attempt)
		case n == 1:
			return errors.New("not yet")
		case n == 2:
			panic("not yet")
		}
		return nil
	})
	start()
	send(t, pbtest.Handler(t, app), "/in", "a", sign("s", "a"))
	awaitMessages(t, p, "done", 1)
	if n := countOrders(t, app); n != 1 || calls.Load() != 3 {
		t.Errorf("called %d times, which wrote %d records, want 3 and 1", calls.Load(), n)
	}
}

// TestHandlerThatNeverSucceeds is given up, and retried when somebody says so.
func TestHandlerThatNeverSucceeds(t *testing.T) {
	t.Parallel()
	app, p, start := newApp(t, fast())
	var works atomic.Bool
	p.Receive("/in", hmacOf("s"), func(context.Context, core.App, webhooks.Message) error {
		if works.Load() {
			return nil
		}
		return errors.New("the stock is unknown")
	})
	start()
	handler := pbtest.Handler(t, app)
	send(t, handler, "/in", "a", sign("s", "a"))
	send(t, handler, "/in", "b", sign("s", "b"))
	failed := awaitMessages(t, p, "failed", 2)
	if failed[0].Error != "webhooks: the message could not be handled: the stock is unknown" && failed[0].Error != "the stock is unknown" {
		t.Errorf("got %+v", failed[0])
	}
	works.Store(true)
	answer := pbtest.Do(t, handler, pbtest.Request{Method: http.MethodPost, Path: fmt.Sprintf("/api/webhooks/inbox/%d/retry", failed[0].ID), Token: pbtest.Superuser(t, app)})
	if answer.Status != http.StatusOK {
		t.Fatalf("got %d %s", answer.Status, answer.Body)
	}
	awaitMessages(t, p, "done", 1)
}

// queue is a job queue that keeps what it is given.
type queue struct {
	mu   sync.Mutex
	jobs [][]byte
	err  error
}

func (q *queue) Enqueue(tx core.App, kind string, payload []byte) error {
	q.mu.Lock()
	defer q.mu.Unlock()
	if !tx.IsTransactional() || kind != webhooks.JobKind {
		return fmt.Errorf("a job %q outside of a transaction", kind)
	}
	q.jobs = append(q.jobs, payload)
	return q.err
}

// TestQueue leaves the handling to a queue. A message whose job cannot be stored
// is not acknowledged.
func TestQueue(t *testing.T) {
	t.Parallel()
	q := &queue{}
	config := fast()
	config.Queue = q
	app, p, start := newApp(t, config)
	p.Receive("/in", hmacOf("s"), createOrder)
	start()
	handler := pbtest.Handler(t, app)
	for range 2 {
		send(t, handler, "/in", "a", sign("s", "a"))
	}
	if len(q.jobs) != 1 {
		t.Fatalf("got %d jobs, want 1", len(q.jobs))
	}
	if n := countOrders(t, app); n != 0 {
		t.Errorf("%d messages were handled without the queue", n)
	}
	for range 2 {
		if err := p.Process(t.Context(), q.jobs[0]); err != nil {
			t.Fatal(err)
		}
	}
	if n := countOrders(t, app); n != 1 {
		t.Errorf("a job that ran twice was handled %d times", n)
	}
	q.err = errors.New("full")
	if answer := send(t, handler, "/in", "b", sign("s", "b")); answer.Code != http.StatusInternalServerError {
		t.Errorf("without a job: got %d", answer.Code)
	}
	awaitMessages(t, p, "", 1)
}

func TestReceiveRefusesWhatEverybodyCouldPass(t *testing.T) {
	t.Parallel()
	plugin := webhooks.MustRegister(template.New(t), webhooks.Config{})
	for name, v := range map[string]webhooks.Verifier{
		"no verifier":               nil,
		"no secret":                 webhooks.Stripe(),
		"an empty secret":           webhooks.GitHub(""),
		"one of two is empty":       webhooks.Slack("a", ""),
		"Standard without a key":    webhooks.Standard("whsec_"),
		"Standard with no base64":   webhooks.Standard("whsec_!"),
		"Twilio without an address": webhooks.Twilio("", "token"),
		"Twilio without a token":    webhooks.Twilio("https://app.example.com"),
		"HMAC without a secret":     webhooks.HMAC{Header: "X"},
		"HMAC without a header":     webhooks.HMAC{Secrets: []string{"s"}},
		"StandardOf without any":    webhooks.StandardOf(nil),
		"HMAC with a strange hash":  webhooks.HMAC{Secrets: []string{"s"}, Header: "X", Hash: "md5"},
	} {
		func() {
			defer func() {
				if recover() == nil {
					t.Errorf("%s: it was accepted", name)
				}
			}()
			plugin.Receive("/in", v, nothing)
		}()
	}
}

// TestReceiveForTenants has a path with a wildcard and a secret for each tenant.
func TestReceiveForTenants(t *testing.T) {
	t.Parallel()
	app, p, start := newApp(t, fast())
	secrets := map[string]string{"blue": webhooks.NewSecret(), "a b/c": webhooks.NewSecret()}
	verifier := webhooks.StandardOf(func(in webhooks.Incoming) ([]string, error) {
		if secret := secrets[in.PathValues["tenant"]]; secret != "" {
			return []string{secret}, nil
		}
		if in.PathValues["tenant"] == "broken" {
			return nil, errors.New("the database is closed")
		}
		return nil, nil
	})
	p.Receive("/in/{tenant}/orders", verifier, func(_ context.Context, tx core.App, m webhooks.Message) error {
		orders, err := tx.FindCollectionByNameOrId("orders")
		if err != nil {
			return err
		}
		record := core.NewRecord(orders)
		record.Set("title", m.PathValues["tenant"])
		return tx.Save(record)
	})
	p.Receive("/in/red/orders", hmacOf("s"), nothing)
	start()
	handler := pbtest.Handler(t, app)
	post := func(tenant, secret string) int {
		now := time.Now()
		signature, err := webhooks.Sign("msg_1", now, []byte("{}"), secret)
		if err != nil {
			t.Fatal(err)
		}
		return send(t, handler, "/in/"+tenant+"/orders", "{}", http.Header{
			"Webhook-Id": {"msg_1"}, "Webhook-Timestamp": {strconv.FormatInt(now.Unix(), 10)}, "Webhook-Signature": {signature},
		}).Code
	}
	for name, c := range map[string]struct {
		tenant, secret string
		want           int
	}{
		"a tenant":                {"blue", secrets["blue"], 204},
		"the same again":          {"blue", secrets["blue"], 204},
		"the same id of another":  {"a%20b%2Fc", secrets["a b/c"], 204},
		"another tenant's secret": {"blue", secrets["a b/c"], 401},
		"nobody":                  {"green", secrets["blue"], 401},
		"who cannot be found out": {"broken", secrets["blue"], 500},
		"a path of its own":       {"red", secrets["blue"], 401},
		"more than a segment":     {"blue/x", secrets["blue"], 404},
	} {
		if got := post(c.tenant, c.secret); got != c.want {
			t.Errorf("%s: got %d, want %d", name, got, c.want)
		}
	}
	awaitMessages(t, p, "done", 2)
	for tenant := range secrets {
		if _, err := app.FindFirstRecordByData("orders", "title", tenant); err != nil {
			t.Errorf("tenant %q: %v", tenant, err)
		}
	}
	if n := countOrders(t, app); n != 2 {
		t.Errorf("got %d orders, want 2", n)
	}
}

// TestRejectedMessage is given up at once, and what the handler wrote is gone.
func TestRejectedMessage(t *testing.T) {
	t.Parallel()
	for _, config := range []webhooks.Config{fast(), {Queue: &queue{}}} {
		app, p, start := newApp(t, config)
		p.Receive("/in", hmacOf("s"), func(ctx context.Context, tx core.App, m webhooks.Message) error {
			return errors.Join(createOrder(ctx, tx, m), webhooks.Reject(errors.New("there is no such site")))
		})
		start()
		send(t, pbtest.Handler(t, app), "/in", "a", sign("s", "a"))
		if q, ok := config.Queue.(*queue); ok {
			if err := p.Process(t.Context(), q.jobs[0]); err != nil {
				t.Errorf("the job of a rejected message failed: %v", err)
			}
		}
		failed := awaitMessages(t, p, "failed", 1)
		if failed[0].Attempts != 1 || failed[0].Error != "there is no such site" {
			t.Errorf("got %+v", failed[0])
		}
		if n := countOrders(t, app); n != 0 {
			t.Errorf("got %d orders of a rejected message", n)
		}
	}
}
