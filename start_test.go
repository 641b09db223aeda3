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

// TestFirstStartsAtOnce lets two servers wait for a third process, which then lets them
// go on at once. One makes all that a first start makes, and the other finds it.
func TestFirstStartsAtOnce(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	path := filepath.Join(dir, core.LocalNotifyDirName)
	if err := os.Mkdir(path, 0o700); err != nil {
		t.Fatal(err)
	}
	place, err := os.Open(path)
	if err != nil {
		t.Fatal(err)
	}
	defer place.Close()
	if err := unix.Flock(int(place.Fd()), unix.LOCK_EX); err != nil {
		t.Fatal(err)
	}
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
