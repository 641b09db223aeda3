package channels_test

import (
	"errors"
	"fmt"
	"net/http"
	"strings"
	"sync"
	"testing"

	"github.com/centrifugal/protocol"

	"github.com/holdall-go/holdall/internal/pbtest"
	"github.com/holdall-go/holdall/plugins/channels"
)

func TestMessagesAreBounded(t *testing.T) {
	t.Parallel()
	w := newWorld(t, channels.Config{MaxMessageBytes: 2000, Namespaces: []channels.Namespace{openTo("open")}})
	anna, ben := w.dial(w.annaToken), w.dial(w.benToken)
	if r := anna.publish("open:a", strings.Repeat("x", 1800)); r.Error != nil {
		t.Fatalf("below the limit: %s", r.raw)
	}
	anna.publish("open:a", strings.Repeat("x", 2000))
	if got := anna.end(); got != 1009 {
		t.Errorf("closed: got %d, want 1009", got)
	}
	if r := ben.publish("open:a", "x"); r.Error != nil {
		t.Errorf("others: %s", r.raw)
	}
}

func TestPublishRate(t *testing.T) {
	t.Parallel()
	w := newWorld(t, channels.Config{PublishRate: 5, Namespaces: []channels.Namespace{openTo("open")}})
	anna, ben := w.dial(w.annaToken), w.dial(w.benToken)
	refused := 0
	for range 15 {
		switch code := anna.publish("open:a", "x").code(); code {
		case 0:
		case 111:
			refused++
		default:
			t.Fatalf("got code %d, want 111", code)
		}
	}
	if refused == 0 || refused > 10 {
		t.Errorf("%d of 15 messages were refused, want up to 10", refused)
	}
	if r := ben.publish("open:a", "x"); r.Error != nil {
		t.Errorf("others: %s", r.raw)
	}
	pbtest.Eventually(t, patience, func() error {
		if r := anna.publish("open:a", "x"); r.Error != nil {
			return errors.New(r.raw)
		}
		return nil
	})
}

func TestFloodsOfCommandsEnd(t *testing.T) {
	t.Parallel()
	w := newWorld(t, channels.Config{MaxChannels: 10, PublishRate: 10})
	anna := w.dial(w.annaToken)
	for range 500 {
		anna.send(map[string]any{"presence": map[string]any{"channel": room(w.doc)}})
	}
	if got := anna.end(); got != 3013 {
		t.Errorf("closed: got %d, want 3013", got)
	}
}

func TestChannelsOfAClientAreBounded(t *testing.T) {
	t.Parallel()
	w := newWorld(t, channels.Config{MaxChannels: 3})
	anna := w.dial(w.annaToken)
	for i := range 3 {
		anna.join(fmt.Sprintf("poke:%d", i))
	}
	if r := anna.subscribe("poke:3"); r.code() != 106 {
		t.Errorf("got %s, want 106", r.raw)
	}
	anna.call(map[string]any{"unsubscribe": map[string]any{"channel": "poke:1"}})
	anna.join("poke:3")
}

func TestConnectionsOfAUserAreBounded(t *testing.T) {
	t.Parallel()
	w := newWorld(t, channels.Config{MaxConnectionsPerUser: 2})
	first := w.dial(w.annaToken)
	w.dial(w.annaToken)
	third, _, err := open(t, w.url, nil)
	if err != nil {
		t.Fatal(err)
	}
	third.connect(w.annaToken)
	if got := third.end(); got != 3504 {
		t.Errorf("closed: got %d, want 3504", got)
	}
	w.dial(w.benToken)
	first.conn.Close()
	pbtest.Eventually(t, patience, func() error {
		next, _, err := open(t, w.url, nil)
		if err != nil {
			return err
		}
		if r := next.connect(w.annaToken); r.Connect == nil {
			return errors.New(r.raw)
		}
		return nil
	})
}

func TestConnectionsOfAUserAreBoundedAtOnce(t *testing.T) {
	t.Parallel()
	var arrived, all sync.WaitGroup
	arrived.Add(20)
	w := newWorld(t, channels.Config{MaxConnectionsPerUser: 2, Info: func(channels.Caller) (any, error) {
		arrived.Done()
		arrived.Wait() // so that all of them are counted at once
		return nil, nil
	}})
	for range 20 {
		c, _, err := open(t, w.url, nil)
		if err != nil {
			t.Fatal(err)
		}
		all.Go(func() { c.connect(w.annaToken) })
	}
	all.Wait()
	pbtest.Eventually(t, patience, func() error {
		if n := w.plugin.Connections(); n > 2 {
			return fmt.Errorf("%d are connected", n)
		}
		return nil
	})
}

func TestSocketsAreBounded(t *testing.T) {
	t.Parallel()
	w := newWorld(t, channels.Config{MaxConnections: 3})
	anna := w.dial(w.annaToken)
	w.dial(w.benToken)
	if _, _, err := open(t, w.url, nil); err != nil { // says nothing, and counts
		t.Fatal(err)
	}
	_, response, err := open(t, w.url, nil)
	if response == nil || response.StatusCode != http.StatusServiceUnavailable || response.Header.Get("Retry-After") == "" {
		t.Fatalf("got %v, want 503 with Retry-After", err)
	}
	// handshakes that fail do not count
	for range 5 {
		_, response, _ = open(t, w.url, http.Header{"Sec-Websocket-Version": {"13"}, "Origin": {"https://evil.example"}})
		if response == nil || response.StatusCode != http.StatusForbidden {
			t.Fatalf("got %v, want 403", response)
		}
	}
	anna.conn.Close()
	pbtest.Eventually(t, patience, func() error {
		_, _, err := open(t, w.url, nil)
		return err
	})
}

// A client that does not read costs no more than its queue.
func TestSlowClientsAreCutOff(t *testing.T) {
	t.Parallel()
	w := newWorld(t, channels.Config{MaxQueueBytes: 64 << 10})
	deaf, _, err := open(t, w.url, http.Header{"X-Test-Deaf": {"1"}})
	if err != nil {
		t.Fatal(err)
	}
	deaf.send(map[string]any{"connect": map[string]any{"token": w.annaToken}})
	deaf.send(map[string]any{"subscribe": map[string]any{"channel": own(w.anna)}})
	ben := w.dial(w.benToken)
	ben.join(own(w.ben))
	pbtest.Eventually(t, patience, func() error {
		if n := w.plugin.Connections(); n != 2 {
			return fmt.Errorf("%d are connected", n)
		}
		return nil
	})
	text := strings.Repeat("x", 32<<10)
	rounds := 0
	for ; w.plugin.Connections() > 1; rounds++ {
		for range 200 {
			if err := w.plugin.Publish(t.Context(), own(w.anna), text); err != nil {
				t.Fatal(err)
			}
		}
		// a round is over when what was published behind it has come
		if err := w.plugin.Publish(t.Context(), own(w.ben), fmt.Sprintf("round %d.", rounds)); err != nil {
			t.Fatal(err)
		}
		ben.await("message", message(own(w.ben), fmt.Sprintf("round %d.", rounds)))
	}
	// the buffers of the system hold about one
	if rounds > 6 {
		t.Errorf("%d rounds of 6 MiB waited for it, want its queue to be the end of it", rounds)
	}
}

// The binary protocol carries any bytes, and those who speak JSON would be
// disconnected for them.
func TestBinaryClientsSendJSON(t *testing.T) {
	t.Parallel()
	w := newWorld(t, channels.Config{Namespaces: []channels.Namespace{openTo("open")}})
	ben := w.dial(w.benToken)
	ben.join("open:a")
	binary, _, err := open(t, w.url, http.Header{"X-Test-Deaf": {"1"}, "X-Test-Query": {"?format=protobuf"}})
	if err != nil {
		t.Fatal(err)
	}
	for _, command := range []*protocol.Command{
		{Id: 1, Connect: &protocol.ConnectRequest{Token: w.annaToken}},
		{Id: 2, Publish: &protocol.PublishRequest{Channel: "open:a", Data: []byte{0xff, 0x00}}},
		{Id: 3, Publish: &protocol.PublishRequest{Channel: "open:a", Data: []byte(`"fine"`)}},
	} {
		encoded, err := protocol.NewProtobufCommandEncoder().Encode(command)
		if err != nil {
			t.Fatal(err)
		}
		binary.write(2, encoded)
	}
	ben.await("message", message("open:a", "fine"))
	if got := ben.seen(func(p push) bool { return p.Pub != nil }); got != 1 {
		t.Errorf("got %d messages, want the one", got)
	}
	if r := ben.publish("open:a", "still here"); r.Error != nil || r.ID == 0 {
		t.Errorf("the other client: %s", r.raw)
	}
}
