package tracing_test

import (
	"context"
	"runtime/pprof"
	"sync"
	"testing"

	"github.com/holdall-go/holdall/internal/tracing"
)

type key struct{}

func named(name string) context.Context { return context.WithValue(context.Background(), key{}, name) }

// where is the name of the context of this goroutine, "" if it has none.
func where() string {
	ctx := tracing.Bound()
	if ctx == nil {
		return ""
	}
	return ctx.Value(key{}).(string)
}

func TestBoundFollowsTheGoroutine(t *testing.T) {
	t.Parallel()
	check := func(place, want string) {
		t.Helper()
		if got := where(); got != want {
			t.Errorf("%s: got %q, want %q", place, got, want)
		}
	}
	check("before", "")
	release := tracing.Bind(named("outer"), "1")
	check("within", "outer")
	inner := tracing.Bind(named("inner"), "2")
	check("nested", "inner")
	inner()
	check("after the nested one", "outer")

	var started sync.WaitGroup
	ended, told := make(chan struct{}), make(chan string)
	started.Add(1)
	go func() { // inherits, and outlives
		check("a goroutine that was started", "outer")
		started.Done()
		<-ended
		told <- where()
	}()
	started.Wait()
	pprof.Do(context.Background(), pprof.Labels("a", "b"), func(context.Context) { check("under labels of somebody else", "") })
	release()
	check("after", "")
	close(ended)
	if got := <-told; got != "" {
		t.Errorf("a goroutine that outlives what it was started for: got %q, want none", got)
	}
}

func TestGoroutinesDoNotNoticeEachOther(t *testing.T) {
	t.Parallel()
	var running sync.WaitGroup
	for _, name := range []string{"a", "b", "c", "d"} {
		running.Go(func() {
			for range 1000 {
				release := tracing.Bind(named(name), name)
				if got := where(); got != name {
					t.Errorf("got %q, want %q", got, name)
				}
				release()
				if got := where(); got != "" {
					t.Errorf("got %q after release, want none", got)
				}
			}
		})
	}
	running.Wait()
}

func TestParse(t *testing.T) {
	t.Parallel()
	const trace, span = "0af7651916cd43dd8448eb211c80319c", "b7ad6b7169203331"
	for _, c := range []struct {
		name, header string
		ok, sampled  bool
	}{
		{"sampled", "00-" + trace + "-" + span + "-01", true, true},
		{"not sampled", "00-" + trace + "-" + span + "-00", true, false},
		{"other flags", "00-" + trace + "-" + span + "-03", true, true},
		{"other flags, not sampled", "00-" + trace + "-" + span + "-f2", true, false},
		{"a later version with more", "cc-" + trace + "-" + span + "-01-what", true, true},
		{"the first version with more", "00-" + trace + "-" + span + "-01-what", false, false},
		{"a later version with junk", "cc-" + trace + "-" + span + "-01what", false, false},
		{"flags that are not hexadecimal", "00-" + trace + "-" + span + "-0x", false, false},
		{"other separators", "00_" + trace + "_" + span + "_01", false, false},
		{"the forbidden version", "ff-" + trace + "-" + span + "-01", false, false},
		{"upper case", "00-" + "0AF7651916CD43DD8448EB211C80319C" + "-" + span + "-01", false, false},
		{"an empty trace", "00-00000000000000000000000000000000-" + span + "-01", false, false},
		{"an empty span", "00-" + trace + "-0000000000000000-01", false, false},
		{"too short", "00-" + trace + "-" + span + "-0", false, false},
		{"nothing", "", false, false},
	} {
		t.Run(c.name, func(t *testing.T) {
			p, ok := tracing.Parse(c.header)
			if ok != c.ok || p.Sampled != c.sampled {
				t.Fatalf("got %+v %t, want %t, sampled %t", p, ok, c.ok, c.sampled)
			}
			if ok && (p.TraceID != trace || p.SpanID != span) {
				t.Errorf("got %+v", p)
			}
		})
	}
}

func FuzzParse(f *testing.F) {
	f.Add("00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01")
	f.Fuzz(func(t *testing.T, header string) {
		p, ok := tracing.Parse(header)
		if !ok {
			return
		}
		again, ok := tracing.Parse(p.String())
		if !ok || again != p {
			t.Errorf("%q became %q", header, p.String())
		}
	})
}

func BenchmarkBind(b *testing.B) {
	ctx := named("x")
	b.ReportAllocs()
	for b.Loop() {
		tracing.Bind(ctx, "0af7651916cd43dd8448eb211c80319c")()
	}
}

func BenchmarkBound(b *testing.B) {
	defer tracing.Bind(named("x"), "1")()
	for b.Loop() {
		_ = tracing.Bound()
	}
}
