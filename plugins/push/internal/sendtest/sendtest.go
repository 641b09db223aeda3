// Package sendtest is what the tests of all providers begin with.
package sendtest

import (
	"errors"
	"testing"

	"github.com/holdall-go/holdall/internal/clock"
	"github.com/holdall-go/holdall/plugins/push/provider"
	"github.com/holdall-go/holdall/plugins/push/pushtest"
)

// Start starts push services that end with the test. Without a clock they have the
// system's.
func Start(tb testing.TB, c clock.Clock) *pushtest.Server {
	tb.Helper()
	s, err := pushtest.Start(pushtest.Options{Clock: c})
	if err != nil {
		tb.Fatal(err)
	}
	tb.Cleanup(s.Close)
	return s
}

// NoProblems makes the test fail at its end if the server was sent anything that
// is not in order.
func NoProblems(tb testing.TB, s *pushtest.Server) {
	tb.Helper()
	tb.Cleanup(func() {
		if problems := s.Problems(); len(problems) > 0 {
			tb.Errorf("got problems %q", problems)
		}
	})
}

// Failure is the error of a notification that must not have been taken.
func Failure(tb testing.TB, err error) *provider.Error {
	tb.Helper()
	var e *provider.Error
	if !errors.As(err, &e) {
		tb.Fatalf("got error %v, want a *provider.Error", err)
	}
	return e
}
