package backup_test

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/holdall-go/holdall/internal/pbtest"
	"github.com/holdall-go/holdall/plugins/backup"
)

// statusOf is the status of data.db in a target.
func statusOf(plugin *backup.Plugin, target string) backup.DatabaseStatus {
	for _, t := range plugin.Status().Targets {
		if t.Name == target {
			return t.Databases[0]
		}
	}
	return backup.DatabaseStatus{}
}

// TestOneTargetFails takes the directory away, as if its disk were, while the bucket
// stays, and brings it back.
func TestOneTargetFails(t *testing.T) {
	t.Parallel()
	dir, disk := t.TempDir(), t.TempDir()
	target := filepath.Join(disk, "mounted")
	if err := os.Mkdir(target, 0o700); err != nil {
		t.Fatal(err)
	}
	config := quick(target)
	config.S3 = startS3(t).config()
	app, plugin := start(t, dir, config)
	write(t, app, "before", "")
	shipped(t, plugin)

	away := filepath.Join(disk, "away")
	if err := os.Rename(target, away); err != nil {
		t.Fatal(err)
	}
	write(t, app, "during", "")
	pbtest.Eventually(t, patience, func() error {
		if statusOf(plugin, "directory").Error == "" {
			return errors.New("nobody noticed that the directory is gone")
		}
		return nil
	})
	pbtest.Eventually(t, patience, func() error {
		into := filepath.Join(t.TempDir(), "then")
		if out, err := run(t, dir, config, "restore", "--to", "now", "--into", into, "--from", "s3"); err != nil {
			return fmt.Errorf("%w\n%s", err, out)
		}
		if got := titles(t, into); got != "before during " {
			return fmt.Errorf("the bucket has %q", got)
		}
		return nil
	})
	if err := os.Rename(away, target); err != nil {
		t.Fatal(err)
	}
	shipped(t, plugin)
	if s := statusOf(plugin, "directory"); s.Error != "" {
		t.Errorf("the directory is back, and the status is %+v", s)
	}
	pbtest.Terminate(t, app)
	for _, name := range []string{"directory", "s3"} {
		into := filepath.Join(t.TempDir(), "then")
		if out, err := run(t, dir, config, "restore", "--to", "now", "--into", into, "--from", name); err != nil {
			t.Fatalf("%v\n%s", err, out)
		}
		if got := titles(t, into); got != "before during " {
			t.Errorf("%s has %q", name, got)
		}
	}
}

// TestPartOfAnUpload is what a server keeps of the upload of a process that was
// killed: the next start must not take it for the piece.
func TestPartOfAnUpload(t *testing.T) {
	t.Parallel()
	dir, target := t.TempDir(), t.TempDir()
	app, plugin := start(t, dir, quick(target))
	shipped(t, plugin) // a snapshot
	write(t, app, "one", "")
	shipped(t, plugin)
	pbtest.Terminate(t, app)
	names, err := filepath.Glob(filepath.Join(target, "db", "data.db", "*", "0", "*"))
	if err != nil || len(names) == 0 {
		t.Fatalf("got pieces %v, error %v", names, err)
	}
	if err := os.Truncate(names[len(names)-1], 50); err != nil {
		t.Fatal(err)
	}
	app, plugin = start(t, dir, quick(target))
	write(t, app, "two", "")
	shipped(t, plugin)
	pbtest.Terminate(t, app)
	into := filepath.Join(t.TempDir(), "then")
	if out, err := run(t, dir, quick(target), "restore", "--to", "now", "--into", into); err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	if got := titles(t, into); got != "one two " {
		t.Errorf("got %q", got)
	}
}

// TestATargetThatComesLater has no piece from before, and gets a generation.
func TestATargetThatComesLater(t *testing.T) {
	t.Parallel()
	dir, target := t.TempDir(), t.TempDir()
	app, plugin := start(t, dir, quick(target))
	write(t, app, "one", "")
	shipped(t, plugin)
	pbtest.Terminate(t, app)

	config := quick(target)
	config.S3 = startS3(t).config()
	app, plugin = start(t, dir, config)
	write(t, app, "two", "")
	shipped(t, plugin)
	pbtest.Terminate(t, app)
	into := filepath.Join(t.TempDir(), "then")
	if out, err := run(t, dir, config, "restore", "--to", "now", "--into", into, "--from", "s3"); err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	if got := titles(t, into); got != "one two " {
		t.Errorf("the bucket has %q", got)
	}
}

// TestAnswersWait serves with Sync: what was answered is in the directory, and when
// the directory is gone the answer comes late, but comes.
func TestAnswersWait(t *testing.T) {
	t.Parallel()
	dir, disk := t.TempDir(), t.TempDir()
	target := filepath.Join(disk, "mounted")
	if err := os.Mkdir(target, 0o700); err != nil {
		t.Fatal(err)
	}
	config := quick(target)
	config.Interval, config.Sync, config.SyncTimeout = time.Hour, true, 30*time.Second // only those who wait make it copy
	app, plugin, err := openApp(dir, config)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { pbtest.Terminate(t, app) })
	pbtest.Superuser(t, app) // without one, PocketBase makes one in the background
	server := pbtest.Serve(t, app)
	pbtest.Eventually(t, patience, func() error {
		if statusOf(plugin, "directory").LagSeconds < 0 {
			return errors.New("nothing is copied yet")
		}
		return nil
	})
	create := func(title string) {
		t.Helper()
		body, err := json.Marshal(map[string]string{"title": title})
		if err != nil {
			t.Fatal(err)
		}
		answer, err := http.Post(server+"/api/collections/notes/records", "application/json", bytes.NewReader(body))
		if err != nil {
			t.Fatal(err)
		}
		defer answer.Body.Close()
		if answer.StatusCode != http.StatusOK {
			t.Fatalf("the status is %s", answer.Status)
		}
	}
	want := ""
	for n := range 5 {
		create(fmt.Sprint("note", n))
		want += fmt.Sprintf("note%d ", n)
		into := filepath.Join(t.TempDir(), "then")
		if out, err := run(t, dir, config, "restore", "--to", "now", "--into", into); err != nil {
			t.Fatalf("%v\n%s", err, out)
		}
		if got := titles(t, into); got != want {
			t.Fatalf("after answer %d the backup has %q, want %q", n, got, want)
		}
	}
	if s := plugin.Status(); !s.Waits || s.Early != 0 {
		t.Errorf("the status is %+v", s)
	}
}

func TestAnswersDoNotWaitForEver(t *testing.T) {
	t.Parallel()
	missing := filepath.Join(t.TempDir(), "not mounted")
	config := quick(missing)
	config.Sync, config.SyncTimeout = true, 200*time.Millisecond
	config.FilesInterval = -1
	app, plugin, err := openApp(t.TempDir(), config)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { pbtest.Terminate(t, app) })
	pbtest.Superuser(t, app)
	server := pbtest.Serve(t, app)
	for n := range 3 {
		answer, err := http.Post(server+"/api/collections/notes/records", "application/json", strings.NewReader(`{"title":"x"}`))
		if err != nil {
			t.Fatal(err)
		}
		_ = answer.Body.Close()
		if answer.StatusCode != http.StatusOK {
			t.Errorf("answer %d: %s", n, answer.Status)
		}
	}
	if s := plugin.Status(); s.Waits || s.Early != 1 {
		t.Errorf("answers wait: %v, %d were too early; want that the first one ends the waiting", s.Waits, s.Early)
	}
	if err := os.Mkdir(missing, 0o700); err != nil {
		t.Fatal(err)
	}
	pbtest.Eventually(t, patience, func() error {
		if !plugin.Status().Waits {
			return errors.New("the backup has caught up, and answers do not wait")
		}
		return nil
	})
}

func TestStatusRoute(t *testing.T) {
	t.Parallel()
	app, plugin, err := openApp(t.TempDir(), quick(t.TempDir()))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { pbtest.Terminate(t, app) })
	pbtest.Superuser(t, app)
	server := pbtest.Serve(t, app)
	ask := func(token string) (int, string) {
		t.Helper()
		request, err := http.NewRequestWithContext(t.Context(), http.MethodGet, server+backup.StatusPath, nil)
		if err != nil {
			t.Fatal(err)
		}
		request.Header.Set("Authorization", token)
		answer, err := http.DefaultClient.Do(request)
		if err != nil {
			t.Fatal(err)
		}
		defer answer.Body.Close()
		var body bytes.Buffer
		_, _ = body.ReadFrom(answer.Body)
		return answer.StatusCode, body.String()
	}
	if status, _ := ask(""); status != http.StatusUnauthorized {
		t.Errorf("guests get %d", status)
	}
	shipped(t, plugin)
	if status, body := ask(pbtest.Superuser(t, app)); status != http.StatusOK || !strings.Contains(body, `"name":"data.db"`) {
		t.Errorf("superusers get %d: %s", status, body)
	}
	names := ""
	plugin.Figures(func(name, _ string, _ float64, _ ...string) { names += name + " " })
	if !strings.Contains(names, "lag_seconds") {
		t.Errorf("the figures are %s", names)
	}
}

func TestConfigIsChecked(t *testing.T) {
	t.Parallel()
	for name, test := range map[string]struct {
		config backup.Config
		want   string
	}{
		"zero":            {backup.Config{}, ""},
		"no engine":       {backup.Config{Directory: "/somewhere"}, "Engine"},
		"relative":        {backup.Config{Directory: "here", Engine: backup.NewEngine()}, "Directory"},
		"sync to nowhere": {backup.Config{Sync: true}, "Sync"},
		"no endpoint":     {backup.Config{S3: backup.S3{Bucket: "b"}, Engine: backup.NewEngine()}, "S3.Endpoint"},
		"no keys":         {backup.Config{S3: backup.S3{Bucket: "b", Endpoint: "https://s3.example.com"}, Engine: backup.NewEngine()}, "S3.Secret"},
		"too often":       {backup.Config{Interval: 1}, "Interval"},
		"no key":          {backup.Config{Recipients: []string{"age1nonsense"}}, "Recipients"},
		"no identity":     {backup.Config{Identity: "a secret that is not to be repeated"}, "Identity"},
	} {
		err := test.config.Validate()
		if test.want == "" && err == nil {
			continue
		}
		if err == nil || test.want == "" || !strings.Contains(err.Error(), test.want) {
			t.Errorf("%s: got %v, want %q", name, err, test.want)
		}
		if err != nil && strings.Contains(err.Error(), "not to be repeated") {
			t.Errorf("%s: the secret is in %v", name, err)
		}
	}
}

func TestParseTime(t *testing.T) {
	t.Parallel()
	now := time.Date(2026, 11, 22, 15, 0, 0, 0, time.UTC)
	for text, want := range map[string]string{
		"2026-11-22 14:03:05":       "2026-11-22T14:03:05Z",
		"2026-11-22 14:03:05.250Z":  "2026-11-22T14:03:05.25Z",
		"2026-11-22T15:03:05+01:00": "2026-11-22T14:03:05Z",
		"2026-11-22":                "2026-11-22T00:00:00Z",
		"15m":                       "2026-11-22T14:45:00Z",
		" now ":                     "2026-11-22T15:00:00Z",
		"yesterday":                 "",
		"-5m":                       "",
		"":                          "",
	} {
		got, err := backup.ParseTime(text, now)
		if (err != nil) != (want == "") || (err == nil && got.Format(time.RFC3339Nano) != want) {
			t.Errorf("%q: got %s, error %v, want %s", text, got, err, want)
		}
	}
}
