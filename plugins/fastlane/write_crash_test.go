package fastlane_test

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"math/rand/v2"
	"net"
	"net/http"
	"os"
	"regexp"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/pocketbase/pocketbase/apis"
	"github.com/pocketbase/pocketbase/core"

	"github.com/holdall-go/holdall/internal/pbtest"
	"github.com/holdall-go/holdall/plugins/fastlane"
)

// kills is how often the server is killed, each time on what the last one has left.
var kills = flag.Int("fastlane.kills", 2, "how often TestKilledServer kills the server")

// TestMain lets this binary be the server that is killed.
func TestMain(m *testing.M) {
	if len(os.Args) == 4 && os.Args[1] == "server" {
		fmt.Fprintln(os.Stdout, "ended", serveUntilKilled(os.Args[2], os.Args[3]))
		return
	}
	m.Run()
}

// killedWorld keeps the full log, whose rows have to be those of the tables.
var killedWorld = writeWorld{logged: true, full: true, config: fastlane.Config{WriteHandlers: compactLog}}

// serveUntilKilled is the server. It says where it listens, and on a route of its own
// how many requests the lane has answered.
func serveUntilKilled(dir, mistake string) error {
	t, err := killedWorld.start(dir, true)
	if err != nil {
		return err
	}
	t.plugin.Break(mistake)
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return err
	}
	t.app.OnServe().BindFunc(func(e *core.ServeEvent) error {
		e.Listener, e.InstallerFunc = listener, nil
		e.Router.GET("/served", func(e *core.RequestEvent) error {
			return e.JSON(http.StatusOK, t.plugin.Stats().Served)
		})
		fmt.Fprintln(os.Stdout, "http://"+listener.Addr().String())
		return e.Next()
	})
	return apis.Serve(t.app, apis.ServeConfig{HttpAddr: listener.Addr().String()})
}

// TestKilledServer kills a server that sixteen clients write to. Every write that was
// answered has to be there, of a write or a batch that was not all or nothing, and the
// change log has to say what the tables do.
func TestKilledServer(t *testing.T) {
	t.Parallel()
	said, problems := killServers(t, *kills, "")
	for _, problem := range problems {
		t.Error(problem)
	}
	t.Logf("%d writes were answered, at least %d by the lane", said.answered.Load(), said.served)
	if said.served < said.answered.Load()/4 {
		t.Errorf("only %d of %d writes were done by the lane", said.served, said.answered.Load())
	}
}

// TestHalfWritesAreNoticed has a lane that undoes nothing of what fails beside others.
func TestHalfWritesAreNoticed(t *testing.T) {
	t.Parallel()
	if _, problems := killServers(t, 1, fastlane.Halves); len(problems) == 0 {
		t.Error("batches that were half written are not noticed")
	}
}

// killServers starts and kills servers that make a mistake, and returns what is wrong
// with what they leave.
func killServers(t *testing.T, times int, mistake string) (said *testimony, problems []string) {
	t.Helper()
	dir := t.TempDir()
	copyTemplate(t, dir)
	said = &testimony{facts: map[string]*fact{}, mistake: mistake, token: callerOf(t, dir)}
	random := rand.New(rand.NewPCG(*seed, 5))
	for said.round = range times {
		killServer(t, dir, said, said.answered.Load()+150+random.Int64N(400))
		if problems = append(problems, said.check(t, dir)...); len(problems) > 0 || t.Failed() {
			break
		}
	}
	return said, problems
}

// callerOf returns a token that stays valid.
func callerOf(t *testing.T, dir string) string {
	t.Helper()
	opened, err := killedWorld.start(dir, false)
	if err != nil {
		t.Fatal(err)
	}
	defer opened.end(t)
	user, err := opened.app.FindRecordById("users", "users0000000000")
	if err != nil {
		t.Fatal(err)
	}
	return pbtest.Token(t, user)
}

// fact is what is known of a record or a batch: its state was answered, and another
// may have been written unheard.
type fact struct{ known, perhaps string }

// testimony is what the servers have answered.
type testimony struct {
	token    string
	mistake  string
	round    int
	answered atomic.Int64
	served   int64

	mu    sync.Mutex
	facts map[string]*fact
}

// try notes what a request may make of something, and done that it did.
func (s *testimony) try(name, state string) (done func()) {
	s.mu.Lock()
	defer s.mu.Unlock()
	f := s.facts[name]
	if f == nil {
		f = &fact{}
		s.facts[name] = f
	}
	f.perhaps = state
	return func() {
		s.mu.Lock()
		defer s.mu.Unlock()
		f.known = state
		s.answered.Add(1)
	}
}

// killServer has clients write to a server until enough was answered and then kills it.
func killServer(t *testing.T, dir string, said *testimony, enough int64) {
	t.Helper()
	server := pbtest.StartChild(t, "server", dir, said.mistake)
	address, _ := server.Line()
	if !strings.HasPrefix(address, "http") {
		t.Fatalf("the server said %q", address)
	}
	client := &http.Client{Transport: &http.Transport{MaxIdleConnsPerHost: 32}}
	defer client.CloseIdleConnections()
	var clients sync.WaitGroup
	for n := range 16 {
		clients.Go(func() {
			w := &writer{said: said, client: client, address: address, number: n}
			if err := w.write(); err != nil && !errors.Is(err, errGone) {
				t.Error(err)
			}
		})
	}
	pbtest.Eventually(t, 2*time.Minute, func() error {
		if got := said.answered.Load(); got < enough && !t.Failed() {
			return fmt.Errorf("%d writes were answered, want %d", got, enough)
		}
		return nil
	})
	said.served += servedBy(t, client, address)
	server.KillWithin(8 * time.Millisecond) // somewhere in what it does
	clients.Wait()
	server.Wait()
}

func servedBy(t *testing.T, client *http.Client, address string) (n int64) {
	t.Helper()
	answer, err := client.Get(address + "/served")
	if err != nil {
		t.Fatal(err)
	}
	defer answer.Body.Close()
	if _, err := fmt.Fscan(answer.Body, &n); err != nil {
		t.Fatal(err)
	}
	return n
}

// errGone says that the server does not answer any more.
var errGone = errors.New("the server is gone")

// writer is a client that gives records their lives.
type writer struct {
	said    *testimony
	client  *http.Client
	address string
	number  int
}

// send expects that a request succeeds, or that the server is gone.
func (w *writer) send(method, path, body string, status int) error {
	r, err := http.NewRequestWithContext(context.Background(), method, w.address+path, strings.NewReader(body))
	if err != nil {
		return err
	}
	r.Header.Set("Content-Type", "application/json")
	r.Header.Set("Authorization", w.said.token)
	answer, err := w.client.Do(r)
	if err != nil {
		return errGone
	}
	defer answer.Body.Close()
	text, err := io.ReadAll(answer.Body)
	if err != nil {
		return errGone
	}
	if answer.StatusCode != status {
		return fmt.Errorf("%s %s %s: status %d, want %d: %s", method, path, body, answer.StatusCode, status, text)
	}
	return nil
}

// inBatch is how many records a batch makes.
const inBatch = 5

func (w *writer) write() error {
	const records = "/api/collections/tags/records"
	for n := 0; ; n++ {
		id := fmt.Sprintf("k%02dw%02dn%08d", w.said.round, w.number, n*inBatch)
		done := w.said.try(id, "1")
		if err := w.send("POST", records, fmt.Sprintf(`{"id":%q,"label":"%s 1","weight":1}`, id, id), http.StatusOK); err != nil {
			return err
		}
		done()
		done = w.said.try(id, "2")
		if err := w.send("PATCH", records+"/"+id, fmt.Sprintf(`{"label":"%s 2","weight":2}`, id), http.StatusOK); err != nil {
			return err
		}
		done()
		if n%3 == 0 {
			done = w.said.try(id, "")
			if err := w.send("DELETE", records+"/"+id, "", http.StatusNoContent); err != nil {
				return err
			}
			done()
		}
		if err := w.batch(n); err != nil {
			return err
		}
	}
}

// batch makes records together, or fails with the last one.
func (w *writer) batch(n int) error {
	name := fmt.Sprintf("b%02dw%02dn%05d", w.said.round, w.number, n)
	state, status := fmt.Sprint(inBatch), http.StatusOK
	if n%2 == 1 {
		state, status = "0", http.StatusBadRequest
	}
	var parts []string
	for i := range inBatch {
		label := fmt.Sprintf("%s %d", name, i)
		if n%2 == 1 && i == inBatch-1 {
			label = fmt.Sprintf("%s %d", name, 0) // which is there
		}
		parts = append(parts, fmt.Sprintf(`{"method":"POST","url":"/api/collections/tags/records","body":{"label":%q,"weight":%d}}`, label, i))
	}
	done := w.said.try(name, state)
	if err := w.send("POST", "/api/batch", `{"requests":[`+strings.Join(parts, ",")+`]}`, status); err != nil {
		return err
	}
	done()
	return nil
}

// check compares what was answered, the table and the logs.
func (s *testimony) check(t *testing.T, dir string) (problems []string) {
	t.Helper()
	opened, err := killedWorld.start(dir, false)
	if err != nil {
		t.Fatal(err)
	}
	defer opened.end(t)
	states, problems := statesOf(t, opened.app)
	for name, f := range s.facts {
		state := states[name]
		if name[0] == 'b' && state == "" {
			state = "0"
		}
		if name[0] == 'b' && f.known == "" {
			f.known = "0"
		}
		if state != f.known && state != f.perhaps {
			problems = append(problems, fmt.Sprintf("%s is %q, want %q, or %q that was not answered", name, state, f.known, f.perhaps))
		}
		f.known, f.perhaps = state, state
	}
	for what, sql := range disagreements {
		var n int
		if err := opened.app.DB().NewQuery(sql).Row(&n); err != nil || n > 0 {
			problems = append(problems, fmt.Sprintf("%d %s, error %v", n, what, err))
		}
	}
	return problems
}

// statesOf reads the weight of each record that a client has named, and how many
// records there are of each batch.
func statesOf(t *testing.T, app core.App) (states map[string]string, problems []string) {
	t.Helper()
	var rows []struct {
		ID     string `db:"id"`
		Label  string `db:"label"`
		Weight string `db:"weight"`
	}
	if err := app.DB().NewQuery("SELECT id, label, CAST(weight AS INTEGER) AS weight FROM tags").All(&rows); err != nil {
		t.Fatal(err)
	}
	states, batches := map[string]string{}, map[string]int{}
	for _, r := range rows {
		name, _, _ := strings.Cut(r.Label, " ")
		switch {
		case ofBatch.MatchString(name):
			batches[name]++
			states[name] = fmt.Sprint(batches[name])
		case r.ID[0] == 'k':
			states[r.ID] = r.Weight
			if r.Label != r.ID+" "+r.Weight {
				problems = append(problems, fmt.Sprintf("%s is half written: %q and %s", r.ID, r.Label, r.Weight))
			}
		}
	}
	return states, problems
}

// ofBatch is the name of a batch.
var ofBatch = regexp.MustCompile(`^b\d\dw\d\dn\d{5}$`)

// disagreements count what must not be.
var disagreements = map[string]string{
	"records are not in the log": `SELECT COUNT(*) FROM tags WHERE id NOT IN (SELECT record FROM _changes JOIN _changesNames ON n = c
		WHERE collection = (SELECT id FROM _collections WHERE name = 'tags') AND deleted = 0)`,
	"records of the log are gone": `SELECT COUNT(*) FROM _changes JOIN _changesNames ON n = c
		WHERE collection = (SELECT id FROM _collections WHERE name = 'tags') AND deleted = (record IN (SELECT id FROM tags))`,
	"rows differ from the full log": `SELECT COUNT(*) FROM tags t WHERE id NOT LIKE 'tag%'
		AND label IS NOT (SELECT after ->> 'label' FROM _changesHistory WHERE record = t.id ORDER BY seq DESC LIMIT 1)`,
	"rows of the log are of no record": `SELECT COUNT(*) FROM _changesHistory h JOIN _changesNames ON n = h.c
		WHERE collection = (SELECT id FROM _collections WHERE name = 'tags') AND NOT EXISTS (SELECT 1 FROM _changes l WHERE l.record = h.record AND l.c = h.c)`,
}
