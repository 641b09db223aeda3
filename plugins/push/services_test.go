package push_test

import (
	"flag"
	"fmt"
	"net/netip"
	"runtime"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/holdall-go/holdall/internal/pbtest"
	"github.com/holdall-go/holdall/plugins/push"
	"github.com/holdall-go/holdall/plugins/push/provider"
	"github.com/holdall-go/holdall/plugins/push/pushtest"
)

// loadDevices is how many devices TestSendToAll sends to. All of the services do
// their cryptography in this process, twice.
//
//	go test ./plugins/push -run TestSendToAll -v -push.devices=10000
var loadDevices = flag.Int("push.devices", 500, "how many devices TestSendToAll sends to")

// loopback is where the tests' services are.
var loopback = netip.MustParsePrefix("127.0.0.1/32")

// services starts the local services and returns a config that sends by them.
func services(t *testing.T) (*pushtest.Server, push.Config) {
	t.Helper()
	s, err := pushtest.Start(pushtest.Options{})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		for _, problem := range s.Problems() {
			// a reset, or a client that gives up, ends all requests of its connection
			if !strings.Contains(problem, "the body cannot be read") {
				t.Error(problem)
			}
		}
		s.Close()
	})
	web, firebase, apple := s.WebPush(), s.FCM(), s.APNs()
	return s, push.Config{
		WebPush: &web, FCM: &firebase, APNs: &apple, Allow: []netip.Prefix{loopback}, Timeout: 2 * time.Minute, Backoff: soon,
		Providers: map[string]provider.Provider{}, // not those of newApp
	}
}

var allServices = []string{pushtest.WebPush, pushtest.FCM, pushtest.APNs}

func TestServices(t *testing.T) {
	t.Parallel()
	s, config := services(t)
	app, p, _ := newApp(t, config)
	user, token := pbtest.User(t, app, "users", map[string]any{"locale": "de"})
	c := client{t, pbtest.Handler(t, app), token}

	web, firebase, apple := s.Device(pushtest.WebPush), s.Device(pushtest.FCM), s.Device(pushtest.APNs)
	c.register(map[string]any{"subscription": map[string]any{"endpoint": web.Token, "keys": map[string]any{"p256dh": web.P256dh, "auth": web.Auth}}})
	c.register(phone(firebase.Token))
	c.register(map[string]any{"provider": "apns", "token": strings.ToUpper(apple.Token)})

	// each is out of order in each way before it takes the first one
	for _, device := range []provider.Target{web, firebase, apple} {
		s.Answer(device.Token, pushtest.Answer{Fault: pushtest.Busy, RetryAfter: "0"}, pushtest.Answer{Fault: pushtest.Down}, pushtest.Answer{Fault: pushtest.Reset})
	}
	id := send(t, app, p, push.Message{
		To: push.Users(user), Title: "Order", Body: "New", Locales: map[string]push.Text{"de": {Title: "Auftrag", Body: "Neu"}},
		Data: map[string]string{"order": "1"}, CollapseKey: "order-1", Link: "/orders/1", High: true,
	})
	await(t, p, id, "done", map[string]int64{"sent": 3})
	for _, device := range []provider.Target{web, firebase, apple} {
		got := s.Received(device.Token)
		// twice, if the reset of another's connection took the answer
		if len(got) == 0 || got[0].Title() != "Auftrag" || got[0].Text() != "Neu" || !strings.Contains(string(got[0].Body), `"order":"1"`) {
			t.Errorf("got %+v", got)
			continue
		}
		if n := s.Count(device.Token).Requests; n < 4 {
			t.Errorf("%s was asked %d times, want at least 4", got[0].Service, n)
		}
	}
	s.Uninstall(web.Token)
	s.Uninstall(firebase.Token)
	s.Uninstall(apple.Token)
	await(t, p, send(t, app, p, push.Message{To: push.Users(user), Title: "again"}), "done", map[string]int64{"gone": 3})
	if got := c.devices(); len(got) != 0 {
		t.Errorf("the dead devices are still there: %+v", got)
	}
}

// TestServiceThatHangs has a service that never answers.
func TestServiceThatHangs(t *testing.T) {
	t.Parallel()
	s, config := services(t)
	config.Timeout = 50 * time.Millisecond
	app, p, _ := newApp(t, config)
	user, _ := pbtest.User(t, app, "users", nil)
	device := s.Device(pushtest.APNs)
	fill(t, app, user, "apns", device)
	s.Answer(device.Token, pushtest.Answer{Fault: pushtest.Hang, Times: -1})
	p.Start()
	id := send(t, app, p, push.Message{To: push.Users(user), Title: "a"})
	pbtest.Eventually(t, patience, func() error {
		list, err := p.Deliveries(t.Context(), push.DeliveryQuery{Message: id})
		if err == nil && (len(list) != 1 || list[0].Attempts < 2 || list[0].State != "pending") {
			err = fmt.Errorf("got %+v, want two attempts", list)
		}
		return err
	})
	if _, err := p.Cancel(t.Context(), id); err != nil {
		t.Fatal(err)
	}
	await(t, p, id, "cancelled", map[string]int64{"cancelled": 1})
}

// TestServicesThatRefuseUs has the services not accept our credentials.
func TestServicesThatRefuseUs(t *testing.T) {
	t.Parallel()
	s, config := services(t)
	alerts := make(chan push.Alert, 10)
	config.Alert = func(a push.Alert) { alerts <- a }
	app, p, _ := newApp(t, config)
	user, _ := pbtest.User(t, app, "users", nil)
	for _, service := range []string{pushtest.FCM, pushtest.APNs} {
		var targets []provider.Target
		for range 30 {
			targets = append(targets, s.Device(service))
		}
		fill(t, app, user, service, targets...)
		s.Answer(service, pushtest.Answer{Fault: pushtest.AuthError, Times: -1})
	}
	p.Start()
	id := send(t, app, p, push.Message{To: push.Users(user), Title: "a"})
	told := map[string]bool{}
	for range 2 {
		a := <-alerts
		told[a.Service] = true
	}
	if !told["fcm"] || !told["apns"] || len(alerts) != 0 {
		t.Errorf("got alerts for %v", told)
	}
	for _, service := range []string{pushtest.FCM, pushtest.APNs} {
		// a client may make sure with another token of its own
		if n := s.Count(service).Requests; n > 2 {
			t.Errorf("%s was asked %d times for 30 devices", service, n)
		}
		s.Relent(service)
		if err := p.Resume(t.Context(), service); err != nil {
			t.Fatal(err)
		}
	}
	await(t, p, id, "done", map[string]int64{"sent": 60})
}

// TestSendToAll sends one message to many devices of all services, of which some
// have gone and some services are busy at times.
func TestSendToAll(t *testing.T) {
	t.Parallel()
	s, config := services(t)
	config.Rate = 1e6
	app, p, _ := newApp(t, config)
	user, _ := pbtest.User(t, app, "users", nil)
	dead, total := 0, *loadDevices
	for i, service := range allServices {
		var targets []provider.Target
		for n := i; n < total; n += len(allServices) {
			device := s.Device(service)
			targets = append(targets, device)
			switch {
			case n%20 == i:
				s.Uninstall(device.Token)
				dead++
			case n%30 == 7:
				s.Answer(device.Token, pushtest.Answer{Fault: pushtest.Busy, RetryAfter: "0"})
			case n%300 == 11:
				s.Answer(device.Token, pushtest.Answer{Fault: pushtest.Reset})
			}
		}
		fill(t, app, user, service, targets...)
	}
	peak := watchHeap(t)
	started := time.Now()
	id := send(t, app, p, push.Message{To: push.Everyone(), Title: "all", Body: strings.Repeat("b", 200)})
	p.Start()
	pbtest.Eventually(t, 10*time.Minute, func() error {
		got, err := p.Message(t.Context(), id)
		if err == nil && got.State != "done" {
			err = fmt.Errorf("the message is %s with %v", got.State, got.Deliveries)
		}
		return err
	})
	took, grown := time.Since(started), peak()
	await(t, p, id, "done", map[string]int64{"sent": int64(total - dead), "gone": int64(dead)})
	if left, err := app.CountRecords(push.Collection); err != nil || left != int64(total-dead) {
		t.Errorf("got %d devices, error %v, want %d without the dead", left, err, total-dead)
	}
	accepted := 0
	for _, service := range allServices {
		accepted += s.Count(service).Accepted
	}
	if accepted < total-dead {
		t.Errorf("the services took %d notifications, want %d", accepted, total-dead)
	}
	t.Logf("%d devices, %d dead, in %v; the heap grew by %d MiB at most, with what the services keep", total, dead, took.Round(time.Millisecond), grown>>20)
	if grown > 128<<20 {
		t.Errorf("the heap grew by %d MiB", grown>>20)
	}
}

// watchHeap returns a function that tells by how much the heap has grown at most.
func watchHeap(t *testing.T) func() uint64 {
	t.Helper()
	var m runtime.MemStats
	runtime.GC()
	runtime.ReadMemStats(&m)
	base := m.HeapAlloc
	var peak atomic.Uint64
	stop, stopped := make(chan struct{}), make(chan struct{})
	go func() {
		defer close(stopped)
		tick := time.NewTicker(20 * time.Millisecond)
		defer tick.Stop()
		for {
			select {
			case <-stop:
				return
			case <-tick.C:
				var now runtime.MemStats
				runtime.ReadMemStats(&now)
				peak.Store(max(peak.Load(), now.HeapAlloc))
			}
		}
	}()
	return func() uint64 {
		close(stop)
		<-stopped
		return peak.Load() - min(base, peak.Load())
	}
}
