package versions_test

import (
	"bufio"
	"bytes"
	"encoding/json"
	"net/http"
	"net/url"
	"strings"
	"testing"

	"github.com/holdall-go/holdall/internal/pbtest"
	"github.com/holdall-go/holdall/plugins/versions"
)

// stream is a realtime connection.
type stream struct {
	url, id string
	lines   *bufio.Scanner
}

func connect(t *testing.T, url, query string) *stream {
	t.Helper()
	request, err := http.NewRequestWithContext(t.Context(), http.MethodGet, url+"/api/realtime"+query, nil)
	if err != nil {
		t.Fatal(err)
	}
	response, err := http.DefaultClient.Do(request)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = response.Body.Close() })
	s := &stream{url: url, lines: bufio.NewScanner(response.Body)}
	_, data := s.next(t)
	s.id, _ = data["clientId"].(string)
	return s
}

// next is the name and the data of the next event.
func (s *stream) next(t *testing.T) (name string, data map[string]any) {
	t.Helper()
	for s.lines.Scan() {
		if text, ok := strings.CutPrefix(s.lines.Text(), "event:"); ok {
			name = text
		}
		if text, ok := strings.CutPrefix(s.lines.Text(), "data:"); ok {
			if err := json.Unmarshal([]byte(text), &data); err != nil {
				t.Fatalf("%v: %s", err, text)
			}
			return name, data
		}
	}
	t.Fatalf("the stream has ended: %v", s.lines.Err())
	return "", nil
}

func (s *stream) subscribe(t *testing.T, version string, topics ...string) int {
	t.Helper()
	body, _ := json.Marshal(map[string]any{"clientId": s.id, "subscriptions": topics})
	request, err := http.NewRequestWithContext(t.Context(), http.MethodPost, s.url+"/api/realtime", bytes.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	request.Header.Set("Content-Type", "application/json")
	if version != none {
		request.Header.Set("Holdall-Version", version)
	}
	response, err := http.DefaultClient.Do(request)
	if err != nil {
		t.Fatal(err)
	}
	_ = response.Body.Close()
	return response.StatusCode
}

func options(query string) string {
	return "?options=" + url.QueryEscape(`{"query":`+query+`}`)
}

// Each client is sent the shape of its version, for topics as it spells them.
func TestRealtime(t *testing.T) {
	t.Parallel()
	w := newWorldWithoutRouter(t)
	url := pbtest.Serve(t, w.app)
	ada, _ := w.person(t, "Ada", "Byron")

	topic := "orders/*" + options(`{"filter":"title ~ 'pump' && assignee.login = 'ada'","expand":"assignee","fields":"title,mark,expand.assignee.name"}`)
	narrow, plain, stock, browser := connect(t, url, ""), connect(t, url, ""), connect(t, url, ""), connect(t, url, "?holdall-version="+first)
	for name, status := range map[string]int{
		"narrow":  narrow.subscribe(t, first, topic),
		"plain":   plain.subscribe(t, first, "orders/*", "somebody's own"),
		"stock":   stock.subscribe(t, none, "orders/*"),
		"browser": browser.subscribe(t, none, "orders"),
	} {
		if status != http.StatusNoContent {
			t.Fatalf("%s: subscribed with %d", name, status)
		}
	}
	w.order(t, map[string]any{"subject": "no match", "technician": ada.Id})
	for _, s := range []*stream{plain, browser} {
		name, data := s.next(t)
		record, _ := data["record"].(map[string]any)
		if !strings.HasPrefix(name, "orders") || record["title"] != "no match" || record["assignee"] != ada.Id || record["subject"] != nil || data["action"] != "create" {
			t.Errorf("an older version: got %s %v", name, data)
		}
	}
	if _, data := stock.next(t); data["record"].(map[string]any)["subject"] != "no match" {
		t.Errorf("no version: got %v", data)
	}

	// only now, as PocketBase keeps no order of its own
	w.order(t, map[string]any{"subject": "the pump", "technician": ada.Id})
	if name, data := narrow.next(t); name != topic || encode(data["record"]) != `{"expand":{"assignee":{"name":"Ada Byron"}},"mark":"none","title":"the pump"}` {
		t.Errorf("with options: got %s %v", name, data)
	}

	// what nobody can translate is refused, and what there was goes on
	plain.next(t)
	if got := plain.subscribe(t, first, "notes/*"+options(`{"filter":"range = 'a'"}`)); got != http.StatusBadRequest {
		t.Errorf("a filter that cannot be: got %d", got)
	}
	w.order(t, map[string]any{"subject": "the next"})
	if _, data := plain.next(t); data["record"].(map[string]any)["title"] != "the next" {
		t.Errorf("after a refusal: got %v", data)
	}

	// and who moves on is sent the newest
	if got := plain.subscribe(t, newest, "orders/*"); got != http.StatusNoContent {
		t.Fatalf("subscribed with %d", got)
	}
	w.order(t, map[string]any{"subject": "the last"})
	if _, data := plain.next(t); data["record"].(map[string]any)["subject"] != "the last" {
		t.Errorf("after moving on: got %v", data)
	}
}

// newWorldWithoutRouter is for a server, which makes a router of its own.
func newWorldWithoutRouter(tb testing.TB) *world {
	tb.Helper()
	w := &world{}
	w.app = template.New(tb)
	plugin, err := versions.Register(w.app, versions.Config{Versions: history()})
	if err != nil {
		tb.Fatal(err)
	}
	w.plugin = plugin
	return w
}
