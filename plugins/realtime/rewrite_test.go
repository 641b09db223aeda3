package realtime_test

import (
	"slices"
	"strings"
	"testing"

	"github.com/pocketbase/pocketbase/core"

	"github.com/holdall-go/holdall/plugins/realtime"
)

// A client whose events are rewritten is sent others, until they no longer are, and
// nobody else is.
func TestRewrite(t *testing.T) {
	t.Parallel()
	app, url := serve(t, realtime.Config{})
	app.OnRealtimeSubscribeRequest().BindFunc(func(e *core.RealtimeSubscribeRequestEvent) error {
		client, ok := e.Client.(interface {
			Rewrite(f func(name string, data []byte) (string, []byte))
		})
		if !ok {
			t.Error("the client has no Rewrite")
			return e.Next()
		}
		client.Rewrite(nil)
		if slices.Contains(e.Subscriptions, "in capitals") {
			client.Rewrite(func(name string, data []byte) (string, []byte) {
				return strings.ToUpper(name), []byte(strings.ReplaceAll(string(data), "quiet", "LOUD"))
			})
		}
		return e.Next()
	})
	rewritten, plain := connect(t, url, ""), connect(t, url, "")
	rewritten.subscribe("", "posts/*", "in capitals")
	plain.subscribe("", "posts/*")
	create(t, app, "posts", map[string]any{"title": "quiet words"})
	if p := rewritten.record("create", "LOUD words"); p.Record["id"] == "" {
		t.Errorf("got %v", p)
	}
	plain.record("create", "quiet words")
	if events := rewritten.events(); !slices.Contains(events, "POSTS/*") && !strings.Contains(rewritten.bytes(), "event:POSTS/*\n") {
		t.Errorf("the events are %q", events)
	}
	if strings.Contains(plain.bytes(), "LOUD") {
		t.Errorf("the other client got %s", plain.bytes())
	}

	rewritten.subscribe("", "posts/*")
	create(t, app, "posts", map[string]any{"title": "quiet again"})
	rewritten.record("create", "quiet again")
}
