package push_test

import (
	"context"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"net/http"
	"net/http/httptest"
	"os"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/pocketbase/pocketbase/core"
	_ "github.com/pocketbase/pocketbase/migrations"

	"github.com/holdall-go/holdall/internal/pbtest"
	"github.com/holdall-go/holdall/plugins/push"
	"github.com/holdall-go/holdall/plugins/push/provider"
)

// killRounds is how often the process is killed, each time on the data that the
// last one left.
const killRounds = 5

// shortLease is over when the next process starts. longLease is not over because
// the machine was busy for a moment.
const shortLease, longLease = 200 * time.Millisecond, 15 * time.Second

// TestMain lets this binary be the process that is killed.
func TestMain(m *testing.M) {
	if len(os.Args) == 5 && os.Args[1] == "sender" {
		fmt.Fprintln(os.Stdout, "ended", sendUntilKilled(os.Args[2], os.Args[3], os.Args[4]))
		return
	}
	m.Run()
}

// remote is a push service in another process: it is told the titles.
type remote struct{ url string }

func (r remote) Send(ctx context.Context, to provider.Target, n *provider.Notification) (string, error) {
	request, err := http.NewRequestWithContext(ctx, http.MethodPost, r.url, strings.NewReader(to.Token+" "+n.Title))
	if err != nil {
		return "", err
	}
	answer, err := http.DefaultClient.Do(request)
	if err != nil {
		return "", err
	}
	defer answer.Body.Close()
	_, err = io.Copy(io.Discard, answer.Body)
	if answer.StatusCode != http.StatusOK {
		return "", failure(provider.Retry)
	}
	return "", err
}

// witness is what the remote service was told: how often each title came for each
// device.
type witness struct {
	*httptest.Server
	mu    sync.Mutex
	taken map[string]int
}

// newWitness returns a witness that fails to answer well now and then.
func newWitness(t *testing.T, failing bool) *witness {
	t.Helper()
	w := &witness{taken: map[string]int{}}
	random := rand.New(rand.NewPCG(3, 3))
	w.Server = httptest.NewServer(http.HandlerFunc(func(writer http.ResponseWriter, r *http.Request) {
		body, err := io.ReadAll(r.Body)
		if err != nil {
			return // the sender has gone
		}
		w.mu.Lock()
		defer w.mu.Unlock()
		if failing && random.IntN(10) == 0 {
			writer.WriteHeader(http.StatusInternalServerError)
			return
		}
		w.taken[string(body)]++
	}))
	t.Cleanup(w.Server.Close)
	return w
}

// missing tells which titles have not come to both devices.
func (w *witness) missing(titles []string) error {
	w.mu.Lock()
	defer w.mu.Unlock()
	missing := 0
	for _, title := range titles {
		if w.taken["phone0 "+title] == 0 || w.taken["phone1 "+title] == 0 {
			missing++
		}
	}
	if missing > 0 {
		return fmt.Errorf("%d of %d messages have not come", missing, len(titles))
	}
	return nil
}

// open opens an app in a directory, as the program does.
func open(dir, url string, lease time.Duration) (core.App, *push.Plugin, error) {
	app := core.NewBaseApp(core.BaseAppConfig{DataDir: dir})
	p, err := push.Register(app, push.Config{
		Providers: map[string]provider.Provider{"fcm": remote{url}}, Lease: lease, Backoff: soon, Rate: 1e6,
	})
	if err != nil {
		return nil, nil, err
	}
	if err := app.Bootstrap(); err != nil {
		return nil, nil, err
	}
	if _, err := app.FindCollectionByNameOrId("users"); err != nil {
		err = app.RunAllMigrations()
		return app, p, err
	}
	return app, p, nil
}

var errOnPurpose = errors.New("on purpose")

// sendUntilKilled is the process that is killed: it sends messages, says which it
// has committed, and rolls back others.
func sendUntilKilled(dir, url, prefix string) error {
	app, p, err := open(dir, url, shortLease)
	if err != nil {
		return err
	}
	p.Start()
	for n := 0; ; n++ {
		for _, rollBack := range []error{errOnPurpose, nil} {
			title := fmt.Sprint(prefix, "n", n)
			if rollBack != nil {
				title = "rolled" + title
			}
			err := app.RunInTransaction(func(tx core.App) error {
				_, err := p.Send(tx, push.Message{To: push.Everyone(), Title: title})
				return errors.Join(err, rollBack)
			})
			if !errors.Is(err, rollBack) {
				return err
			}
		}
		fmt.Fprintln(os.Stdout, fmt.Sprint(prefix, "n", n))
	}
}

// TestKilledProcess kills a process that sends. In the end all that was committed
// has come to both devices, and nothing that was rolled back.
func TestKilledProcess(t *testing.T) {
	t.Parallel()
	dir, w := t.TempDir(), newWitness(t, true)
	app, _, err := open(dir, w.URL, shortLease)
	if err != nil {
		t.Fatal(err)
	}
	user, _ := pbtest.User(t, app, "users", nil)
	fill(t, app, user, "fcm", tokens("phone", 2)...)
	pbtest.Terminate(t, app)

	var committed []string
	random := rand.New(rand.NewPCG(4, 4))
	for round := range killRounds {
		committed = append(committed, killASender(t, dir, w.URL, fmt.Sprint("r", round), random)...)
	}
	app, p, err := open(dir, w.URL, shortLease)
	if err != nil {
		t.Fatal(err)
	}
	defer pbtest.Terminate(t, app)
	p.Start()
	stored := []string{} // what was committed unheard counts as well
	if err := app.DB().NewQuery("SELECT json_extract(content, '$.title') FROM _pushMessages").Column(&stored); err != nil {
		t.Fatal(err)
	}
	there := map[string]bool{}
	for _, title := range stored {
		there[title] = true
	}
	for _, title := range committed {
		if !there[title] {
			t.Errorf("%s was committed and is gone", title)
		}
	}
	pbtest.Eventually(t, patience, func() error { return w.missing(stored) })
	w.mu.Lock()
	defer w.mu.Unlock()
	for key := range w.taken {
		if strings.Contains(key, "rolled") {
			t.Errorf("%s was rolled back and sent", key)
		}
	}
	if len(committed) < killRounds*5 {
		t.Errorf("only %d messages were committed", len(committed))
	}
	t.Logf("%d messages", len(stored))
}

// killASender lets a process send for a while, kills it in the middle, and returns
// what it has committed.
func killASender(t *testing.T, dir, url, round string, random *rand.Rand) (committed []string) {
	t.Helper()
	child := pbtest.StartChild(t, "sender", dir, url, round)
	enough := 15 + random.IntN(25)
	for line := range child.Lines() {
		if strings.HasPrefix(line, "ended") {
			t.Errorf("the process said %q", line)
			break
		}
		if committed = append(committed, line); len(committed) == enough {
			child.KillWithin(5 * time.Millisecond)
		}
	}
	child.Wait()
	return committed
}

// TestTwoProcesses lets two apps work on one database. Each message is sent by one
// of them, and when it ends, by the other.
func TestTwoProcesses(t *testing.T) {
	t.Parallel()
	dir, w := t.TempDir(), newWitness(t, false)
	first, firstPush, err := open(dir, w.URL, longLease)
	if err != nil {
		t.Fatal(err)
	}
	user, _ := pbtest.User(t, first, "users", nil)
	fill(t, first, user, "fcm", tokens("phone", 2)...)
	second, secondPush, err := open(dir, w.URL, longLease)
	if err != nil {
		t.Fatal(err)
	}
	defer pbtest.Terminate(t, second)
	firstPush.Start()
	secondPush.Start()
	var titles []string
	var senders sync.WaitGroup
	for i := range 10 {
		titles = append(titles, fmt.Sprint("first", i), fmt.Sprint("second", i))
	}
	for _, title := range titles {
		p, app := firstPush, first
		if strings.HasPrefix(title, "second") {
			p, app = secondPush, second
		}
		senders.Go(func() {
			if _, err := p.Send(app, push.Message{To: push.Everyone(), Title: title}); err != nil {
				t.Error(err)
			}
		})
	}
	senders.Wait()
	pbtest.Eventually(t, patience, func() error { return w.missing(titles) })
	pbtest.Terminate(t, first)
	titles = append(titles, "last")
	send(t, second, secondPush, push.Message{To: push.Everyone(), Title: "last"})
	pbtest.Eventually(t, patience, func() error { return w.missing(titles) })

	w.mu.Lock()
	defer w.mu.Unlock()
	for key, n := range w.taken {
		if n > 1 {
			t.Errorf("%s was sent %d times", key, n)
		}
	}
}
