package pbtest_test

import (
	"fmt"
	"os"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/holdall-go/holdall/internal/pbtest"
)

// TestMain lets this binary be a child, which says something and lives on, ends or fails.
func TestMain(m *testing.M) {
	if len(os.Args) == 3 && os.Args[1] == "child" {
		fmt.Fprint(os.Stdout, "one\ntwo\nthr")
		switch os.Args[2] {
		case "lives":
			<-time.After(time.Hour)
		case "fails":
			os.Exit(1) //nolint:forbidigo // the main function is the runner's
		}
		return
	}
	m.Run()
}

func TestChildIsKilled(t *testing.T) {
	t.Parallel()
	child := pbtest.StartChild(t, "child", "lives")
	var said []string
	for line := range child.Lines() {
		if said = append(said, line); len(said) == 2 {
			child.KillWithin(time.Millisecond)
			child.KillWithin(time.Hour)
		}
	}
	child.Wait()
	if want := []string{"one", "two"}; !slices.Equal(said, want) {
		t.Errorf("got %q, want %q", said, want)
	}
}

func TestChildThatEndsIsNoticed(t *testing.T) {
	t.Parallel()
	for _, how := range []string{"ends", "fails"} {
		r := &recorder{TB: t}
		child := pbtest.StartChild(r, "child", how)
		child.Wait()
		if !strings.Contains(r.message, "by itself") {
			t.Errorf("it %s: got %q, want a failure that says that it ended by itself", how, r.message)
		}
	}
}
