package backup_test

import (
	"context"
	"encoding/json"
	"flag"
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/pocketbase/pocketbase/core"
	"github.com/pocketbase/pocketbase/tools/filesystem"

	"github.com/holdall-go/holdall/internal/pbtest"
	"github.com/holdall-go/holdall/plugins/backup"
)

var killRounds = flag.Int("kill.rounds", 3, "how often the process that is backed up is killed")

// TestMain lets this binary be the process that is killed, and the server of the
// bucket.
func TestMain(m *testing.M) {
	if len(os.Args) == 5 && os.Args[1] == "writer" {
		fmt.Fprintln(os.Stderr, "ended", writeUntilKilled(os.Args[2], os.Args[3], os.Args[4]))
		return
	}
	if len(os.Args) == 3 && os.Args[1] == "s3" {
		fmt.Fprintln(os.Stderr, "ended", serveS3(os.Args[2]))
		return
	}
	m.Run()
}

// writers is how many goroutines write, each one after the other.
const writers = 4

// writeUntilKilled writes, and says for each write when it began and when it was
// acknowledged, and until when the backup has everything.
func writeUntilKilled(dir, encoded, round string) error {
	var config backup.Config
	if err := json.Unmarshal([]byte(encoded), &config); err != nil {
		return err
	}
	app, plugin, err := openApp(dir, config)
	if err != nil {
		return err
	}
	if err := plugin.Start(); err != nil {
		return err
	}
	var mu sync.Mutex
	say := func(format string, args ...any) {
		mu.Lock()
		defer mu.Unlock()
		fmt.Printf(format+"\n", args...)
	}
	for w := range writers {
		go func() {
			pace := time.NewTicker(writers * time.Second / 500) // 500 writes a second
			for n := 0; ; n++ {
				name := fmt.Sprintf("r%s-w%d-n%d", round, w, n)
				began := time.Now()
				if err := writeOne(app, name, n%25 == 0); err != nil {
					say("failed %s %v", name, err)
					return
				}
				if config.Sync {
					if err := plugin.Wait(context.Background()); err != nil {
						say("failed %s %v", name, err)
						return
					}
				}
				say("ack %s %d %d", name, began.UnixNano(), time.Now().UnixNano())
				<-pace.C
			}
		}()
	}
	var told [2]time.Time
	for range time.Tick(2 * time.Millisecond) {
		for i, target := range plugin.Status().Targets {
			if until := target.Databases[0].CaughtUp; until.After(told[i]) {
				told[i] = until
				say("safe %s %d %d", target.Name, until.UnixNano(), time.Now().UnixNano())
			}
		}
	}
	return nil
}

func writeOne(app core.App, name string, withFile bool) error {
	notes, err := app.FindCachedCollectionByNameOrId("notes")
	if err != nil {
		return err
	}
	note := core.NewRecord(notes)
	note.Set("title", name)
	if withFile {
		file, err := filesystem.NewFileFromBytes([]byte("the photo of "+name), "photo.txt")
		if err != nil {
			return err
		}
		note.Set("photo", file)
	}
	return app.Save(note)
}

// said is what killed processes said before.
type said struct {
	acks []ack
	safe map[string][]safe // by target, in order
	from time.Time         // since when all targets have something
	to   time.Time         // the kill
}

type ack struct {
	name         string
	began, acked time.Time
}

// safe says that at the time at, a target had all that was acknowledged before until.
type safe struct{ until, at time.Time }

// killAWriter runs a writer on a data directory and kills it in the middle of it.
func killAWriter(t *testing.T, dir string, config backup.Config, round int) said {
	t.Helper()
	encoded, err := json.Marshal(config) //nolint:staticcheck // it has no RootCmd
	if err != nil {
		t.Fatal(err)
	}
	child := pbtest.StartChild(t, "writer", dir, string(encoded), fmt.Sprint(round))
	result := said{safe: map[string][]safe{}}
	targets := 0
	for _, there := range []bool{config.Directory != "", config.S3.Bucket != ""} {
		if there {
			targets++
		}
	}
	enough := 150 + rand.IntN(250) // acknowledged writes, after the targets have something
	if config.Sync {               // each of which takes as long as the bucket does
		enough = 20 + rand.IntN(60)
	}
	tooLong := time.AfterFunc(patience, func() {
		t.Error("the process did not write enough, or its targets have nothing")
		child.KillWithin(time.Millisecond)
	})
	defer tooLong.Stop()
	for line := range child.Lines() {
		var what, name string
		var first, second int64
		if n, _ := fmt.Sscan(line, &what, &name, &first, &second); n != 4 {
			t.Errorf("the process said %q", line)
			continue
		}
		if what == "ack" {
			result.acks = append(result.acks, ack{name, time.Unix(0, first), time.Unix(0, second)})
			enough--
		} else {
			result.safe[name] = append(result.safe[name], safe{time.Unix(0, first), time.Unix(0, second)})
		}
		if result.from.IsZero() && len(result.safe) == targets {
			result.from = time.Now()
		}
		if enough <= 0 && !result.from.IsZero() {
			child.KillWithin(30 * time.Millisecond)
		}
	}
	child.Wait()
	result.to = time.Now()
	return result
}

// TestKilledProcess kills a process that writes, again and again, and restores from
// each target to moments while it ran. Some rounds go on with the data, in others
// the machine is lost and its data restored.
func TestKilledProcess(t *testing.T) {
	t.Parallel()
	server := startS3(t)
	dir := filepath.Join(t.TempDir(), "data")
	target := t.TempDir()
	config := quick(target)
	config.Interval = 100 * time.Millisecond
	config.S3 = server.config()
	config.CompactInterval = 50 * time.Millisecond // which is in the way as often as it can be
	config.Recipients, config.Identity = someIdentity(t)
	server.misbehaves(t, 100)

	var all []ack
	var longest time.Duration
	compared := 0
	for round := range *killRounds {
		config.Sync = round%3 == 2
		result := killAWriter(t, dir, config, round)
		all = append(all, result.acks...)
		for _, targetName := range []string{"directory", "s3"} {
			for _, s := range result.safe[targetName] {
				longest = max(longest, s.at.Sub(s.until))
			}
			at := result.from.Add(rand.N(result.to.Sub(result.from)))
			compared += restoreAndCompare(t, config, targetName, at, all, result)
		}
		t.Logf("round %d: %d writes in %s", round, len(result.acks), result.to.Sub(result.from).Round(time.Millisecond))
		if config.Sync { // the machine is lost, and nothing that it acknowledged
			if err := os.RemoveAll(dir); err != nil {
				t.Fatal(err)
			}
			restoreInto(t, config, "s3", "now", dir)
			have := namesIn(t, dir)
			for _, a := range all {
				if !have[a.name] {
					t.Errorf("round %d: %s was acknowledged when the backup had it, and is lost", round, a.name)
				}
			}
			all = keepOnly(all, have)
		}
	}
	t.Logf("%d writes, %d comparisons, at most %s from a write to the backup knowing that it has it", len(all), compared, longest.Round(time.Millisecond))
	if compared == 0 {
		t.Error("nothing was compared")
	}
}

// keepOnly drops writes that a restore did not bring back: they were acknowledged
// by a round that did not wait for the backup.
func keepOnly(all []ack, have map[string]bool) []ack {
	var kept []ack
	for _, a := range all {
		if have[a.name] {
			kept = append(kept, a)
		}
	}
	return kept
}

// restoreAndCompare restores to a moment of the last round.
func restoreAndCompare(t *testing.T, config backup.Config, target string, at time.Time, all []ack, last said) (safe int) {
	t.Helper()
	var until time.Time // everything before it was in the target at the moment
	for _, s := range last.safe[target] {
		if !s.at.After(at) {
			until = s.until
		}
	}
	into := filepath.Join(t.TempDir(), "then")
	restoreInto(t, config, target, at.UTC().Format("2006-01-02 15:04:05.999999999"), into)
	have := namesIn(t, into)
	missing, early, safe := 0, 0, 0
	for _, a := range all {
		if a.acked.Before(until) {
			safe++
		}
		if !have[a.name] && a.acked.Before(until) {
			missing++
		}
		if have[a.name] && a.began.After(at) {
			early++
		}
	}
	if missing > 0 || early > 0 {
		t.Errorf("%s at %s: %d writes that were safe are missing, %d are there that were later", target, at, missing, early)
	}
	if err := os.RemoveAll(into); err != nil {
		t.Error(err)
	}
	return safe
}

// restoreInto restores, trying again as a person would if the server of the bucket
// is in a bad mood.
func restoreInto(t *testing.T, config backup.Config, target, at, into string) {
	t.Helper()
	pbtest.Eventually(t, patience, func() error {
		out, err := run(t, filepath.Dir(into), config, "restore", "--to", at, "--into", into, "--from", target)
		if err != nil {
			return fmt.Errorf("%w\n%s", err, out)
		}
		if strings.Contains(out, "MISSING") {
			t.Errorf("the restore says\n%s", out)
		}
		return nil
	})
}

// namesIn are the titles of the notes in a data directory. Files have to be what
// they were; those of the last moments may be missing.
func namesIn(t *testing.T, dir string) map[string]bool {
	t.Helper()
	app := core.NewBaseApp(core.BaseAppConfig{DataDir: dir})
	if err := app.Bootstrap(); err != nil {
		t.Fatal(err)
	}
	defer app.ResetBootstrapState() //nolint:errcheck // it is only read
	records, err := app.FindAllRecords("notes")
	if err != nil {
		t.Fatal(err)
	}
	names := map[string]bool{}
	for _, r := range records {
		title := r.GetString("title")
		names[title] = true
		if name := r.GetString("photo"); name != "" {
			content, err := os.ReadFile(filepath.Join(dir, "storage", filepath.FromSlash(r.BaseFilesPath()), name))
			if err == nil && string(content) != "the photo of "+title {
				t.Errorf("the photo of %s is %q", title, content)
			}
		}
	}
	return names
}
