//go:build unix

package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"sync"
	"time"

	"github.com/pocketbase/pocketbase/core"
	"golang.org/x/sys/unix"
)

// lockStart waits until no other process starts on the data directory, and returns what
// lets the next one. Processes may share a directory, but what a first start makes is
// there once, and one that has read the collections before another makes them does not
// know them. The lock ends with the process at the latest. Where the file system knows no
// locks there is none.
func lockStart(ctx context.Context, dir string) (unlock func(), err error) {
	// PocketBase's own place for what such processes have to tell each other
	dir = filepath.Join(dir, core.LocalNotifyDirName)
	_ = os.MkdirAll(dir, os.ModePerm) //nolint:gosec // as PocketBase does; whoever opens the data directory says what is wrong
	place, err := os.Open(dir)        //nolint:gosec // in the data directory
	if err != nil {
		return func() {}, nil
	}
	unlock = sync.OnceFunc(func() { _ = place.Close() })
	for told := false; ; {
		err := unix.Flock(int(place.Fd()), unix.LOCK_EX|unix.LOCK_NB)
		if errors.Is(err, unix.EINTR) {
			continue
		}
		if !errors.Is(err, unix.EWOULDBLOCK) {
			return unlock, nil
		}
		if !told {
			told = true
			fmt.Fprintln(os.Stderr, "holdall: Another process starts on the data directory: waiting for it.")
		}
		select {
		case <-time.After(50 * time.Millisecond):
		case <-ctx.Done():
			unlock()
			return func() {}, errors.New("another process still starts on the data directory: nothing was done")
		}
	}
}
