// Command push-request writes the requests by which browsers would be sent
// notifications, as lines of JSON, and sends none of them. It reads the key, a
// subscription and the notifications as JSON.
package main

import (
	"context"
	"encoding/json"
	"io"
	"log/slog"
	"net/http"
	"os"
	"time"

	"github.com/holdall-go/holdall/plugins/push/provider"
	"github.com/holdall-go/holdall/plugins/push/webpush"
)

func main() {
	if err := run(); err != nil {
		slog.Error("write the requests", slog.Any("error", err))
		os.Exit(1)
	}
}

func run() error {
	var input struct {
		PrivateKey    string                  `json:"privateKey"`
		Subject       string                  `json:"subject"`
		Subscription  json.RawMessage         `json:"subscription"`
		Notifications []provider.Notification `json:"notifications"`
	}
	if err := json.NewDecoder(os.Stdin).Decode(&input); err != nil {
		return err
	}
	target, err := webpush.ParseSubscription(input.Subscription)
	if err != nil {
		return err
	}
	client, err := webpush.New(webpush.Config{
		PrivateKey: input.PrivateKey,
		Subject:    input.Subject,
		HTTPClient: &http.Client{Transport: writer{json.NewEncoder(os.Stdout)}},
		Timeout:    time.Minute,
	})
	if err != nil {
		return err
	}
	for i := range input.Notifications {
		if _, err := client.Send(context.Background(), target, &input.Notifications[i]); err != nil {
			return err
		}
	}
	return nil
}

// writer writes requests instead of sending them.
type writer struct{ out *json.Encoder }

func (w writer) RoundTrip(r *http.Request) (*http.Response, error) {
	body, err := io.ReadAll(r.Body)
	if err != nil {
		return nil, err
	}
	err = w.out.Encode(map[string]any{"method": r.Method, "url": r.URL.String(), "headers": r.Header, "body": body})
	return &http.Response{StatusCode: http.StatusCreated, Header: http.Header{}, Body: http.NoBody, Request: r}, err
}
