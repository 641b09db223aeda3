package sqlite_test

import (
	"testing"
	"time"

	"github.com/holdall-go/holdall/internal/sqlite"
)

func TestQueriesWaitForATurnAndNotForEver(t *testing.T) {
	t.Parallel()
	turns := sqlite.NewTurns(2)
	for range 2 {
		if !turns.Take() {
			t.Fatal("got no turn where there are two")
		}
	}
	began := time.Now()
	if taken := turns.Take(); taken || time.Since(began) < sqlite.LongestTurn {
		t.Errorf("got %t after %v, want to go on without a turn after %v", taken, time.Since(began), sqlite.LongestTurn)
	}
	turns.End(false) // which it had not
	turns.End(true)
	if !turns.Take() {
		t.Error("got no turn after one was given back")
	}
}
