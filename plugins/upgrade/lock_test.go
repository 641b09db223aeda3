//go:build unix

package upgrade_test

import (
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/holdall-go/holdall/plugins/upgrade"
)

// A start waits for another process that copies, and does not take its copy for one
// that was left.
func TestWaitsForAnotherCopy(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	one.run(t, dir, addThing(t, "a"))
	copying, goOn, done := make(chan struct{}), make(chan struct{}), make(chan error, 1)
	first := two
	first.plugin = func(p *upgrade.Plugin) {
		p.OnCopy(func(name string, _, _ int) error {
			if name == "auxiliary.db" {
				close(copying)
				<-goOn
			}
			return nil
		})
	}
	said := make(waiting, 1)
	second := two
	second.change = func(c *upgrade.Config) { c.Progress = said }
	go func() { _, _, err := first.start(t, dir); done <- err }()
	<-copying
	again := make(chan error, 1)
	go func() { _, _, err := second.start(t, dir); again <- err }()
	select {
	case <-said:
	case err := <-again:
		t.Fatalf("it did not wait, error %v", err)
	}
	close(goOn)
	if err := errors.Join(<-done, <-again); err != nil {
		t.Fatal(err)
	}
	entries, err := os.ReadDir(filepath.Join(dir, upgrade.Dir))
	if err != nil || len(entries) != 1 {
		t.Errorf("got %v, error %v, want one snapshot", entries, err)
	}
}

// waiting is told that a start waits.
type waiting chan struct{}

func (w waiting) Write(text []byte) (int, error) {
	if strings.Contains(string(text), "waiting") {
		w <- struct{}{}
	}
	return len(text), nil
}
