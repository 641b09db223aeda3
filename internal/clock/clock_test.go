package clock_test

import (
	"testing"
	"time"

	"github.com/holdall-go/holdall/internal/clock"
	"github.com/holdall-go/holdall/internal/clock/clocktest"
)

func TestSystemTellsTheTimeOfTheMachine(t *testing.T) {
	t.Parallel()
	before := time.Now()
	got := clock.System().Now()
	if after := time.Now(); got.Before(before) || got.After(after) {
		t.Errorf("got %v, want a time from %v to %v", got, before, after)
	}
}

func TestFakeStandsStillUntilItIsMoved(t *testing.T) {
	t.Parallel()
	start := time.Date(2026, 3, 29, 1, 59, 59, 0, time.UTC)
	fake := clocktest.New(start)

	if got := fake.Now(); !got.Equal(start) {
		t.Errorf("new clock: got %v, want %v", got, start)
	}
	fake.Advance(2 * time.Second)
	if got, want := fake.Now(), start.Add(2*time.Second); !got.Equal(want) {
		t.Errorf("after Advance: got %v, want %v", got, want)
	}
	fake.Set(start)
	if got := fake.Now(); !got.Equal(start) {
		t.Errorf("after Set: got %v, want %v", got, start)
	}
}
