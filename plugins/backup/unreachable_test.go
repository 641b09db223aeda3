package backup_test

import (
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/pocketbase/pocketbase/core"
	"github.com/pocketbase/pocketbase/tools/security"

	"github.com/holdall-go/holdall/internal/pbtest"
	"github.com/holdall-go/holdall/plugins/backup"
)

// link is the network between the program and a bucket, which can be cut.
type link struct {
	endpoint string
	cut      atomic.Bool
}

// newLink leads to the bucket and back.
func newLink(t *testing.T, s s3Server) *link {
	t.Helper()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = listener.Close() })
	target, err := url.Parse(s.endpoint)
	if err != nil {
		t.Fatal(err)
	}
	l := &link{endpoint: "http://" + listener.Addr().String()}
	go func() {
		for {
			near, err := listener.Accept()
			if err != nil {
				return
			}
			go l.carry(near, target.Host)
		}
	}()
	return l
}

// carry passes bytes on until one side has enough or the link is cut.
func (l *link) carry(near net.Conn, host string) {
	defer near.Close()
	if l.cut.Load() {
		return
	}
	far, err := net.Dial("tcp", host)
	if err != nil {
		return
	}
	defer far.Close()
	go func() {
		_, _ = io.Copy(near, far)
		_ = near.Close()
	}()
	_, _ = io.Copy(writerFunc(func(b []byte) (int, error) {
		if l.cut.Load() {
			return 0, io.ErrClosedPipe
		}
		return far.Write(b)
	}), near)
}

type writerFunc func([]byte) (int, error)

func (f writerFunc) Write(b []byte) (int, error) { return f(b) }

// figure is the value of a figure of data.db, or of the whole.
func figure(plugin *backup.Plugin, name string) (value float64, ok bool) {
	plugin.Figures(func(n, _ string, v float64, labels ...string) {
		if n == name && !strings.Contains(strings.Join(labels, " "), "auxiliary.db") {
			value, ok = v, true
		}
	})
	return value, ok
}

// TestBucketOutOfReach starts without a network, or loses it: writes go on, the
// figures that alerts look at say so, and the backup catches up by itself.
func TestBucketOutOfReach(t *testing.T) {
	t.Parallel()
	for name, test := range map[string]struct{ atStart, sync bool }{
		"at the start":          {atStart: true},
		"while it runs":         {},
		"while answers wait":    {sync: true},
		"and answers wait then": {atStart: true, sync: true},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			network := newLink(t, startS3(t))
			network.cut.Store(test.atStart)
			dir := t.TempDir()
			config := backup.Config{
				S3:       backup.S3{Bucket: bucketName, Path: "unreachable", Endpoint: network.endpoint, AccessKey: "key", Secret: "secret", ForcePathStyle: true},
				Interval: 20 * time.Millisecond, DrillInterval: -1, FilesInterval: 10 * time.Minute,
				Sync: test.sync, SyncTimeout: 300 * time.Millisecond, StopTimeout: time.Second,
			}
			app, plugin, err := openApp(dir, config)
			if err != nil {
				t.Fatal(err)
			}
			t.Cleanup(func() { pbtest.Terminate(t, app) })
			pbtest.Superuser(t, app)
			server := pbtest.Serve(t, app)
			if !test.atStart {
				post(t, server, "before")
				shipped(t, plugin)
				network.cut.Store(true)
			}
			for n := range 30 {
				post(t, server, fmt.Sprintf("during %d %s", n, strings.Repeat("x", 90_000)))
			}
			pbtest.Eventually(t, patience, func() error {
				failing, _ := figure(plugin, "failing")
				pending, _ := figure(plugin, "pending_bytes")
				if failing != 1 || pending == 0 {
					return fmt.Errorf("the figures do not tell: failing %v, pending %v", failing, pending)
				}
				return nil
			})
			if lag, _ := figure(plugin, "lag_seconds"); (lag == -1) != test.atStart {
				t.Errorf("the lag is %v", lag)
			}
			if waits, ok := figure(plugin, "answers_wait"); ok != test.sync || waits != 0 {
				t.Errorf("answers wait: %v, told: %v", waits, ok)
			}
			if early := plugin.Status().Early; early > 0 != test.sync || early > 5 {
				t.Errorf("%d answers of 30 were early, want that hardly one but the first waits in vain, if they wait at all", early)
			}
			if info, err := os.Stat(filepath.Join(dir, "data.db-wal")); err != nil || info.Size() > 32<<20 {
				t.Errorf("the write-ahead log is %v, %v", info, err)
			}

			network.cut.Store(false)
			pbtest.Eventually(t, patience, func() error {
				if waits, ok := figure(plugin, "answers_wait"); ok && waits == 0 {
					return errors.New("answers do not wait again")
				}
				if lag, _ := figure(plugin, "lag_seconds"); lag < 0 || lag > 60 {
					return fmt.Errorf("the lag is %v", lag)
				}
				return nil
			})
			shipped(t, plugin)
			if failing, _ := figure(plugin, "failing"); failing != 0 {
				t.Errorf("it failed, and does not say that it goes on: %+v", plugin.Status())
			}
			into := filepath.Join(t.TempDir(), "then")
			restoreInto(t, config, "s3", "now", into)
			if have := namesIn(t, into); len(have) < 30 {
				t.Errorf("the bucket has %d records", len(have))
			}
		})
	}
}

// post creates a note by a request.
func post(t *testing.T, server, title string) {
	t.Helper()
	answer, err := http.Post(server+"/api/collections/notes/records", "application/json", strings.NewReader(`{"title":"`+title+`"}`))
	if err != nil {
		t.Fatal(err)
	}
	_ = answer.Body.Close()
	if answer.StatusCode != http.StatusOK {
		t.Fatalf("the answer is %s", answer.Status)
	}
}

// TestTooMuchWaits bounds what waits for a target that is gone. The backup begins
// anew when it is back.
func TestTooMuchWaits(t *testing.T) {
	t.Parallel()
	disk := t.TempDir()
	target := filepath.Join(disk, "mounted")
	if err := os.Mkdir(target, 0o700); err != nil {
		t.Fatal(err)
	}
	config := quick(target)
	config.MaxPending, config.CompactInterval = 50_000, 20*time.Millisecond
	app, plugin := start(t, t.TempDir(), config)
	write(t, app, "before", "")
	shipped(t, plugin)
	generation := plugin.Status().Targets[0].Databases[0].Generation
	if err := os.Rename(target, filepath.Join(disk, "away")); err != nil {
		t.Fatal(err)
	}
	dropped, most := false, int64(0)
	pbtest.Eventually(t, patience, func() error {
		if err := writeOne(app, noise(10_000), false); err != nil {
			return err
		}
		pending := plugin.Status().Targets[0].Databases[0].PendingBytes
		dropped = dropped || pending < most/2
		if most = max(most, pending); !dropped {
			return fmt.Errorf("%d bytes wait, and nothing is dropped", pending)
		}
		return nil
	})
	if err := os.Rename(filepath.Join(disk, "away"), target); err != nil {
		t.Fatal(err)
	}
	write(t, app, "after", "")
	shipped(t, plugin)
	if now := plugin.Status().Targets[0].Databases[0].Generation; now == generation {
		t.Errorf("the generation is still %s: it would have a gap", now)
	}
	into := filepath.Join(t.TempDir(), "then")
	restoreInto(t, config, "directory", "now", into)
	want, err := app.CountRecords("notes")
	if have := namesIn(t, into); err != nil || int64(len(have)) != want || !have["before"] || !have["after"] {
		t.Errorf("the backup has %d records, %v, want %d", len(have), err, want)
	}
}

// noise is text that cannot be packed.
func noise(n int) string { return core.GenerateDefaultRandomId() + security.RandomString(n) }
