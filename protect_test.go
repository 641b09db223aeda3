package main_test

import (
	"bytes"
	"encoding/json"
	"errors"
	"flag"
	"io"
	"math/rand/v2"
	"net/http"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/pocketbase/dbx"
	_ "modernc.org/sqlite"

	"github.com/holdall-go/holdall/plugins/protect"
)

var (
	smallDisk   = flag.String("protect.disk", "", "a directory on a file system of some 24 MiB that TestSmallDisk may fill, as `make protect` mounts it; without it the test does nothing")
	smallRounds = flag.Int("protect.rounds", 5, "how often it kills a server that writes to a full disk")
)

// A data.db that is damaged stops the server with a code that nobody restarts it for.
func TestDamagedDataStopsTheStart(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	path := filepath.Join(dir, "data.db")
	if err := os.WriteFile(path, []byte("this is no database"), 0o600); err != nil {
		t.Fatal(err)
	}
	code, _, stderr := command(t, nil, "serve", "--http", "127.0.0.1:0", "--dir", dir)
	if code != protect.ExitDamaged || !strings.Contains(stderr, path) || !strings.Contains(stderr, "holdall restore") || strings.Count(stderr, "\n") != 1 {
		t.Errorf("got code %d and\n%s\nwant %d and a line that says what to do", code, stderr, protect.ExitDamaged)
	}
	if content, err := os.ReadFile(path); err != nil || string(content) != "this is no database" {
		t.Errorf("the file was changed: %q, error %v", content, err)
	}
}

// The doctor knows a server that only reads, because it wants more than the disk has.
func TestDoctorKnowsThatChangesAreRefused(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	if code, _, stderr := command(t, nil, "migrate", "up", "--dir", dir); code != 0 {
		t.Fatalf("got code %d and\n%s", code, stderr)
	}
	for wanted, want := range map[string]bool{"1MB": false, "1000000GB": true} {
		_, stdout, stderr := command(t, []string{"HOLDALL_PROTECT_MIN_FREE=" + wanted}, "doctor", "--json", "--dir", dir)
		if !json.Valid([]byte(stdout)) || strings.Contains(stdout, `"protect.read-only"`) != want {
			t.Errorf("%s: want the finding: %v, got\n%s%s", wanted, want, stdout, stderr)
		}
	}
}

// full is a server on a small disk.
type full struct {
	*server
	t     *testing.T
	token string
	dir   string // of the databases
	mu    sync.Mutex
	acked []string
	other map[string]int // answers that were no 200
}

const smallDiskToken = "a-token-for-the-metrics"

func (f *full) start(bound string) {
	f.t.Helper()
	f.server = launch(f.t, f.dir, []string{
		"HOLDALL_PROTECT_MIN_FREE=" + bound, "HOLDALL_PROTECT_INTERVAL=200ms", "HOLDALL_HEALTH_MIN_FREE=0", "HOLDALL_METRICS_TOKEN=" + smallDiskToken,
	})
}

func (f *full) serves() {
	f.t.Helper()
	f.await(f.t, "the server to start", func() bool { f.findAddress(); return f.url != "" })
	f.token = f.signIn(f.t, rootPassword)
}

// write creates notes in a few lanes until stop tells so, and remembers which were
// acknowledged.
func (f *full) write(stop func() bool) {
	var lanes sync.WaitGroup
	for range 4 {
		lanes.Go(func() {
			body := `{"text":"` + strings.Repeat("x", 4000) + `"}`
			for !stop() {
				var answer struct {
					ID   string
					Data struct{ Code string }
				}
				status, err := f.call(f.t, "POST", "/api/collections/fillers/records", "", strings.NewReader(body), "application/json", &answer)
				f.mu.Lock()
				switch {
				case err != nil:
					f.other["no answer"]++
				case status == http.StatusOK:
					f.acked = append(f.acked, answer.ID)
				default:
					f.other[strconv.Itoa(status)+" "+answer.Data.Code]++
				}
				f.mu.Unlock()
			}
		})
	}
	lanes.Wait()
}

func (f *full) refusals() int {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.other["503 "+protect.CodeReadOnly]
}

// metric returns the value of a metric.
func (f *full) metric(name string) string {
	f.t.Helper()
	req, err := http.NewRequestWithContext(f.t.Context(), http.MethodGet, f.url+"/metrics", nil)
	if err != nil {
		f.t.Fatal(err)
	}
	req.Header.Set("Authorization", "Bearer "+smallDiskToken)
	res, err := http.DefaultClient.Do(req)
	if err != nil {
		f.t.Fatal(err)
	}
	defer res.Body.Close()
	text, err := io.ReadAll(res.Body)
	if err != nil {
		f.t.Fatal(err)
	}
	for line := range strings.Lines(string(text)) {
		if value, ok := strings.CutPrefix(line, "holdall_protect_"+name+" "); ok {
			return strings.TrimSpace(value)
		}
	}
	return ""
}

// fill takes what space there is, and free gives it back.
func (f *full) filler() string { return filepath.Join(*smallDisk, "filler") }

func (f *full) fill() {
	f.t.Helper()
	file, err := os.OpenFile(f.filler(), os.O_WRONLY|os.O_CREATE|os.O_APPEND, 0o600)
	if err != nil {
		f.t.Fatal(err)
	}
	defer file.Close()
	for size := 1 << 20; size >= 512; size /= 2 {
		for {
			if _, err := file.Write(make([]byte, size)); err != nil {
				if !errors.Is(err, syscall.ENOSPC) {
					f.t.Fatal(err)
				}
				break
			}
		}
	}
}

func (f *full) free() {
	f.t.Helper()
	if err := os.Remove(f.filler()); err != nil && !os.IsNotExist(err) {
		f.t.Fatal(err)
	}
}

// ballast is what a round begins with, so that there is space afterwards to look at
// what came of it.
func (f *full) ballast() string { return filepath.Join(*smallDisk, "ballast") }

// kept wants every note that was acknowledged to be there, and removes them.
func (f *full) kept(what string) {
	f.t.Helper()
	if err := os.RemoveAll(f.ballast()); err != nil {
		f.t.Fatal(err)
	}
	db, err := dbx.Open("sqlite", filepath.Join(f.dir, "data.db"))
	if err != nil {
		f.t.Fatal(err)
	}
	defer db.Close()
	var ids []string
	var sound string
	if err := db.NewQuery("SELECT id FROM fillers").Column(&ids); err != nil {
		f.t.Fatal(err)
	}
	if err := db.NewQuery("PRAGMA integrity_check").Row(&sound); err != nil || sound != "ok" {
		f.t.Errorf("%s: the database is not sound: %s, error %v", what, sound, err)
	}
	there := map[string]bool{}
	for _, id := range ids {
		there[id] = true
	}
	for _, id := range f.acked {
		if !there[id] {
			f.t.Errorf("%s: the note %s was acknowledged, and is not there", what, id)
		}
	}
	f.t.Logf("%s: %d acknowledged, %d there, other answers %v", what, len(f.acked), len(ids), f.other)
	for _, statement := range []string{"DELETE FROM fillers", "VACUUM", "PRAGMA wal_checkpoint(TRUNCATE)"} {
		if _, err := db.NewQuery(statement).Execute(); err != nil {
			f.t.Fatal(err)
		}
	}
	f.acked, f.other = nil, map[string]int{}
}

func (f *full) log(message string) int { return strings.Count(f.stdout.String(), `"msg":"`+message) }

const (
	refusesChanges = "The disk is nearly full or cannot be written to"
)

// The program on a disk of some megabytes that fills up: it refuses changes and says
// so, answers readers, comes back when there is space, whether or not it was killed,
// and has all that it acknowledged.
func TestSmallDisk(t *testing.T) {
	t.Parallel()
	if *smallDisk == "" {
		return
	}
	f := &full{t: t, dir: filepath.Join(*smallDisk, "data"), other: map[string]int{}}
	defer f.free()
	defer os.RemoveAll(f.ballast())
	f.start("3MiB")
	f.serves()
	f.must(t, "POST", "/api/collections", f.token, `{"name":"fillers","type":"base","listRule":"","viewRule":"","createRule":"",
		"fields":[{"name":"text","type":"text","max":100000}]}`, nil)

	// little space
	f.write(func() bool { return f.refusals() > 50 })
	if f.metric("read_only") != "1" || f.log(refusesChanges) != 1 {
		t.Errorf("the alert: got the metric %q and %d lines", f.metric("read_only"), f.log(refusesChanges))
	}
	readers := func(when string) {
		t.Helper()
		for path, want := range map[string]int{"/api/collections/fillers/records": 200, "/api/health": 200, "/api/health/ready": 200} {
			if status, err := f.call(t, "GET", path, "", nil, "", nil); err != nil || status != want {
				t.Errorf("%s: %s: got %d, error %v, want %d", when, path, status, err, want)
			}
		}
		f.signIn(t, rootPassword)
	}
	readers("with little space")
	// none at all, by somebody else's file
	f.fill()
	readers("without space")

	// killed, and started on the full disk: it waits, and comes back by itself
	if err := f.Process.Kill(); err != nil {
		t.Fatal(err)
	}
	<-f.exited
	f.start("1MiB")
	f.await(t, "it to say that it waits", func() bool { return strings.Contains(f.stderr.String(), "cannot be written to") })
	f.free()
	f.serves()
	f.signal(t, syscall.SIGTERM)
	f.exit(t)
	f.kept("with little space")

	for round := range *smallRounds {
		f.round(round)
	}
}

// round writes to a disk that is full at times, removes auxiliary.db, kills the server,
// and starts it again.
func (f *full) round(n int) {
	f.t.Helper()
	if err := os.WriteFile(f.ballast(), make([]byte, 4<<20), 0o600); err != nil {
		f.t.Fatal(err)
	}
	f.start("0")
	f.serves()
	lines := f.log(refusesChanges)
	var over sync.WaitGroup
	done := make(chan struct{})
	over.Go(func() {
		f.write(func() bool {
			select {
			case <-done:
				return true
			default:
				return false
			}
		})
	})
	f.await(f.t, "changes to be refused", func() bool { return f.refusals() > 20 })
	if err := os.Remove(filepath.Join(f.dir, "auxiliary.db")); err != nil {
		f.t.Fatal(err)
	}
	f.await(f.t, "the log to tell", func() bool { return f.log(refusesChanges) > lines })
	<-time.After(time.Duration(rand.IntN(300)) * time.Millisecond) // when to kill it is left to chance
	if err := f.Process.Kill(); err != nil {
		f.t.Fatal(err)
	}
	<-f.exited
	close(done)
	over.Wait()
	if f.other["400 "] > 0 {
		f.t.Errorf("%d clients were told that they are to blame", f.other["400 "])
	}
	f.kept("round " + strconv.Itoa(n))

	f.start("0") // with the auxiliary.db of before or another one
	f.serves()
	f.fill()
	status, _ := f.call(f.t, "POST", "/api/collections/fillers/records", "", bytes.NewReader(mustJSON(map[string]string{"text": strings.Repeat("x", 90_000)})), "application/json", nil)
	f.free()
	if status != http.StatusServiceUnavailable && status != http.StatusOK {
		f.t.Errorf("a change on a full disk: got %d", status)
	}
	f.await(f.t, "changes to be accepted again", func() bool {
		status, err := f.call(f.t, "POST", "/api/collections/fillers/records", "", strings.NewReader(`{"text":"again"}`), "application/json", nil)
		return err == nil && status == http.StatusOK
	})
	f.signal(f.t, syscall.SIGTERM)
	if code := f.exit(f.t); code != 0 {
		f.t.Errorf("it exited with %d\n%s", code, f.stderr)
	}
}

func mustJSON(v any) []byte {
	b, err := json.Marshal(v)
	if err != nil {
		panic(err)
	}
	return b
}
