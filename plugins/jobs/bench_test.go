package jobs_test

import (
	"context"
	"fmt"
	"slices"
	"testing"
	"time"

	"github.com/pocketbase/pocketbase/core"

	"github.com/holdall-go/holdall/internal/pbtest"
	"github.com/holdall-go/holdall/plugins/jobs"
)

// BenchmarkThroughput runs jobs that do nothing, each enqueued in a transaction of
// its own by four goroutines while others run, at several numbers of workers.
func BenchmarkThroughput(b *testing.B) {
	for _, workers := range []int{10, 100} {
		b.Run(fmt.Sprint(workers), func(b *testing.B) {
			app := pbtest.New(b)
			p := benchQueue(b, app, jobs.Config{Queues: map[string]int{jobs.DefaultQueue: workers}})
			done := make(chan struct{}, 1<<20)
			benchHandle(b, p, func(context.Context, jobs.Job[task]) error {
				done <- struct{}{}
				return nil
			})
			p.Start()
			b.ResetTimer()
			const producers = 4
			for producer := range producers {
				go func() {
					for i := producer; i < b.N; i += producers {
						if _, err := jobs.Enqueue(app, "note", task{"x"}); err != nil {
							b.Error(err)
						}
					}
				}()
			}
			for range b.N {
				<-done
			}
			b.StopTimer()
			b.ReportMetric(float64(b.N)/b.Elapsed().Seconds(), "jobs/s")
		})
	}
}

// BenchmarkDrain runs jobs that do nothing and are all there, at several numbers of
// workers.
func BenchmarkDrain(b *testing.B) {
	for _, workers := range []int{10, 100} {
		b.Run(fmt.Sprint(workers), func(b *testing.B) { benchDrain(b, workers) })
	}
}

func benchDrain(b *testing.B, workers int) {
	b.Helper()
	app := pbtest.New(b)
	p := benchQueue(b, app, jobs.Config{Queues: map[string]int{jobs.DefaultQueue: workers}})
	done := make(chan struct{}, 1<<20)
	benchHandle(b, p, func(context.Context, jobs.Job[task]) error {
		done <- struct{}{}
		return nil
	})
	err := app.RunInTransaction(func(tx core.App) error {
		for range b.N {
			if _, err := jobs.Enqueue(tx, "note", task{"x"}); err != nil {
				return err
			}
		}
		return nil
	})
	if err != nil {
		b.Fatal(err)
	}
	b.ResetTimer()
	p.Start()
	for range b.N {
		<-done
	}
	b.StopTimer()
	b.ReportMetric(float64(b.N)/b.Elapsed().Seconds(), "jobs/s")
}

// BenchmarkWakeUp takes the time from the commit to the beginning of the handler,
// while nothing else runs.
func BenchmarkWakeUp(b *testing.B) {
	app := pbtest.New(b)
	p := benchQueue(b, app, jobs.Config{})
	begun := make(chan time.Time)
	benchHandle(b, p, func(context.Context, jobs.Job[task]) error {
		begun <- time.Now()
		return nil
	})
	p.Start()
	var taken []time.Duration
	for b.Loop() {
		if _, err := jobs.Enqueue(app, "note", task{"x"}); err != nil {
			b.Fatal(err)
		}
		committed := time.Now()
		taken = append(taken, (<-begun).Sub(committed))
		for p.Running() > 0 { // until it is idle again
			<-time.After(100 * time.Microsecond)
		}
	}
	slices.Sort(taken)
	for name, share := range map[string]float64{"p50-ms": 0.5, "p99-ms": 0.99, "max-ms": 1} {
		b.ReportMetric(float64(taken[int(share*float64(len(taken)-1))].Microseconds())/1000, name)
	}
}

func benchQueue(b *testing.B, app core.App, config jobs.Config) *jobs.Plugin {
	b.Helper()
	p, err := jobs.Register(app, config)
	if err != nil {
		b.Fatal(err)
	}
	return p
}

func benchHandle(b *testing.B, p *jobs.Plugin, handler func(context.Context, jobs.Job[task]) error) {
	b.Helper()
	if err := jobs.Handle(p, "note", handler); err != nil {
		b.Fatal(err)
	}
}
