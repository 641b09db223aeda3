package pbtest

import (
	"bytes"
	"context"
	"fmt"
	"net/http"
	"runtime/pprof"
	"strings"
	"testing"
	"time"

	"github.com/pocketbase/pocketbase/tools/security"
)

// Eventually calls check until it returns nil, and fails the test with its last
// error when d has passed. It is for what other goroutines do; where the code
// can signal that it is done, wait for the signal instead.
func Eventually(tb testing.TB, d time.Duration, check func() error) {
	tb.Helper()
	if err := poll(d, check); err != nil {
		tb.Fatalf("still failing after %s: %v", d, err)
	}
}

// poll calls check, at growing intervals, until it returns nil or d has passed.
func poll(d time.Duration, check func() error) error {
	deadline := time.Now().Add(d)
	for interval := time.Millisecond; ; interval = min(interval*2, 50*time.Millisecond) {
		err := check()
		if err == nil || time.Now().After(deadline) {
			return err
		}
		<-time.After(interval)
	}
}

// leakGrace is how long goroutines may take to end after the test has.
const leakGrace = 5 * time.Second

// NoGoroutineLeak fails the test when goroutines that it started, directly or
// not, still run after its cleanups. Call it first: cleanups registered before
// it run after its check. It tells the test's goroutines from those of parallel
// tests by a profiling label, which goroutines inherit.
func NoGoroutineLeak(tb testing.TB) {
	tb.Helper()
	noGoroutineLeakWithin(tb, leakGrace)
}

func noGoroutineLeakWithin(tb testing.TB, grace time.Duration) {
	tb.Helper()

	const key = "pbtest"
	id := security.PseudorandomString(12)
	pprof.SetGoroutineLabels(pprof.WithLabels(context.Background(), pprof.Labels(key, id)))

	tb.Cleanup(func() {
		pprof.SetGoroutineLabels(context.Background()) // this goroutine is not a leak
		http.DefaultClient.CloseIdleConnections()
		if err := poll(grace, func() error { return labelled(key, id) }); err != nil {
			tb.Errorf("goroutines outlive the test: %v", err)
		}
	})
}

// labelled returns an error with the stacks of the goroutines that have the label.
func labelled(key, value string) error {
	var profile bytes.Buffer
	if err := pprof.Lookup("goroutine").WriteTo(&profile, 1); err != nil {
		return err
	}
	label := fmt.Sprintf("%q:%q", key, value)
	var stacks []string
	for _, stack := range strings.Split(profile.String(), "\n\n") {
		if strings.Contains(stack, label) {
			stacks = append(stacks, stack)
		}
	}
	if len(stacks) == 0 {
		return nil
	}
	return fmt.Errorf("%d stacks:\n%s", len(stacks), strings.Join(stacks, "\n\n"))
}
