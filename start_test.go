//go:build unix

package main_test

import (
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/pocketbase/pocketbase/core"
	"golang.org/x/sys/unix"
)

// occupy makes dir one that another process starts on, until the file is closed.
func occupy(t *testing.T, dir string) *os.File {
	t.Helper()
	path := filepath.Join(dir, core.LocalNotifyDirName)
	if err := os.Mkdir(path, 0o700); err != nil {
		t.Fatal(err)
	}
	place, err := os.Open(path)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = place.Close() })
	if err := unix.Flock(int(place.Fd()), unix.LOCK_EX); err != nil {
		t.Fatal(err)
	}
	return place
}

// TestInterruptedWait interrupts a server that waits for another process to start.
func TestInterruptedWait(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	occupy(t, dir)
	s := launch(t, dir, nil)
	s.await(t, "the server to wait", func() bool { return strings.Contains(s.stderr.String(), "waiting for it") })
	s.signal(t, os.Interrupt)
	if code := s.exit(t); code != 130 {
		t.Errorf("the exit code is %d, want 130", code)
	}
	const want = "holdall: Another process starts on the data directory: waiting for it.\n" +
		"holdall: interrupted\nholdall: another process still starts on the data directory: nothing was done\n"
	if got := s.stderr.String(); got != want {
		t.Errorf("got the messages\n%s\nwant\n%s", got, want)
	}
	if entries, err := os.ReadDir(dir); err != nil || len(entries) != 1 {
		t.Errorf("got %v, error %v, want nothing new in the directory", entries, err)
	}
}

// TestFirstStartsAtOnce lets two servers wait for a third process, which then lets them
// go on at once. One makes all that a first start makes, and the other finds it.
func TestFirstStartsAtOnce(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	place := occupy(t, dir)
	servers := []*server{launch(t, dir, nil, "--demo"), launch(t, dir, nil, "--demo")}
	for _, s := range servers {
		s.await(t, "the server to wait", func() bool { return strings.Contains(s.stderr.String(), "waiting for it") })
	}
	if entries, err := os.ReadDir(dir); err != nil || len(entries) != 1 {
		t.Errorf("got %v, error %v, want no database before it is their turn", entries, err)
	}
	_ = place.Close()

	made := 0
	for _, s := range servers {
		s.await(t, "the server to start", func() bool { s.findAddress(); return s.url != "" })
		s.must(t, http.MethodGet, "/api/v1/demo", "", "", nil)
		made += strings.Count(s.stderr.String(), "Demo data: ")
	}
	if made != 1 {
		t.Errorf("the demo data was made %d times, want once", made)
	}
}
