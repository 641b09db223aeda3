package pbtest

import (
	"bufio"
	"io"
	"iter"
	"math/rand/v2"
	"os"
	"os/exec"
	"strings"
	"sync/atomic"
	"testing"
	"time"
)

// Child is this test binary as a process of its own that a test kills. TestMain has to
// see by the arguments that it is one, and must not run the tests.
type Child struct {
	tb      testing.TB
	command *exec.Cmd
	output  *bufio.Reader
	killed  atomic.Bool
}

// StartChild starts this test binary with the arguments. What it says on its standard
// error goes to that of the test. It does not outlive the test.
func StartChild(tb testing.TB, args ...string) *Child {
	tb.Helper()
	program, err := os.Executable()
	if err != nil {
		tb.Fatalf("find the test binary: %v", err)
	}
	command := exec.CommandContext(tb.Context(), program, args...)
	output, err := command.StdoutPipe()
	if err != nil {
		tb.Fatalf("read what a child says: %v", err)
	}
	command.Stderr = os.Stderr
	if err := command.Start(); err != nil {
		tb.Fatalf("start a child: %v", err)
	}
	return &Child{tb: tb, command: command, output: bufio.NewReader(output)}
}

// Line waits for the next line that the child says on its standard output, and returns it
// without its end, or false if the child is dead. What it had no time to end is no line.
func (c *Child) Line() (line string, ok bool) {
	line, err := c.output.ReadString('\n')
	return strings.TrimSuffix(line, "\n"), err == nil
}

// Lines are all lines from now on.
func (c *Child) Lines() iter.Seq[string] {
	return func(yield func(string) bool) {
		for line, ok := c.Line(); ok && yield(line); line, ok = c.Line() {
		}
	}
}

// KillWithin kills the child at some moment of the next d, which is more than 0. Only the
// first call counts.
func (c *Child) KillWithin(d time.Duration) {
	if c.killed.CompareAndSwap(false, true) {
		time.AfterFunc(rand.N(d), func() { _ = c.command.Process.Kill() })
	}
}

// Wait waits until the child is dead, and fails the test if nobody has killed it. What it
// still says is dropped.
func (c *Child) Wait() {
	c.tb.Helper()
	_, _ = io.Copy(io.Discard, c.output)
	if err := c.command.Wait(); err == nil || !c.killed.Load() {
		c.tb.Errorf("the child ended by itself: %v", err)
	}
}
