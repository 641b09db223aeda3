package health

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"math"
	"sync"
	"time"
)

// Report is the answer of the ready route.
type Report struct {
	// Status is StatusOK or StatusFailed.
	Status string `json:"status" enum:"ok,failed"`
	// Checks are the results in the order in which the checks were added.
	Checks []Result `json:"checks"`
}

// Result is the outcome of one check.
type Result struct {
	Name       string  `json:"name" example:"database"`
	Status     string  `json:"status" enum:"ok,busy,failed" doc:"What is busy cannot be done at the moment, and does not count as failed: other work goes on, or the server only reads."`
	DurationMS float64 `json:"durationMs" doc:"How long it took, in milliseconds."`
	// Message is a sentence for everybody.
	Message string `json:"message" doc:"A sentence for people."`
	// Detail is for superusers: what was found, or the error.
	Detail string `json:"detail,omitempty" doc:"What was found, or the error. For superusers."`
}

// public is the report without what only superusers may read.
func (r Report) public() Report {
	checks := make([]Result, len(r.Checks))
	for i, c := range r.Checks {
		c.Detail = ""
		checks[i] = c
	}
	r.Checks = checks
	return r
}

// state is a check with what it found before.
type state struct {
	Check
	last   string    // status of the last run
	passed time.Time // when it last passed, or was first run
}

// errBusy wraps the error of a check that other work kept from being done.
type errBusy struct{ error }

// Ready runs the checks, unless they ran within [Config.CacheFor], and returns
// the result, details included.
func (p *Plugin) Ready(ctx context.Context) Report {
	p.mu.Lock()
	defer p.mu.Unlock()
	if !p.at.IsZero() && time.Since(p.at) < p.config.CacheFor {
		return p.latest
	}

	// the result is for all who ask within the next second, so it does not
	// depend on the patience of the one who asked first
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), p.config.CheckTimeout)
	defer cancel()
	report := Report{Status: StatusOK, Checks: make([]Result, len(p.checks))}
	degraded := ""
	if p.config.Degraded != nil {
		degraded = p.config.Degraded(ctx)
	}
	var wg sync.WaitGroup
	for i, check := range p.checks {
		wg.Go(func() { report.Checks[i] = p.run(ctx, check, degraded) })
	}
	wg.Wait()
	for _, result := range report.Checks {
		if result.Status == StatusFailed {
			report.Status = StatusFailed
		}
	}
	p.latest, p.at = report, time.Now()
	return report
}

// run runs one check and logs if it came out otherwise than the last time. What needs
// a disk that takes writes does not fail while the server is degraded.
func (p *Plugin) run(ctx context.Context, s *state, degraded string) Result {
	started := time.Now()
	if s.passed.IsZero() {
		s.passed = started
	}
	detail, err := guarded(ctx, s.Run)
	took := time.Since(started)

	result := Result{Name: s.Name, Status: StatusOK, Message: s.Passed, Detail: detail}
	result.DurationMS = math.Round(float64(took)/1e3) / 1e3
	if err == nil {
		s.passed = time.Now()
	} else {
		result.Status, result.Message, result.Detail = StatusFailed, s.Failed, err.Error()
		if busy := (errBusy{}); errors.As(err, &busy) && time.Since(s.passed) < p.config.BusyTolerance {
			result.Status, result.Message = StatusBusy, "It is busy with other work."
		}
		if s.writes && degraded != "" {
			result.Status, result.Message = StatusBusy, degraded
		}
	}
	if result.Status != s.last {
		p.logChange(s, result)
	}
	s.last = result.Status
	return result
}

// guarded turns a panic of a check into its failure: the check may be anybody's.
func guarded(ctx context.Context, check func(context.Context) (string, error)) (detail string, err error) {
	defer func() {
		if r := recover(); r != nil {
			err = fmt.Errorf("panic: %v", r)
		}
	}()
	return check(ctx)
}

func (p *Plugin) logChange(s *state, result Result) {
	attrs := []any{slog.String("check", s.Name), slog.String("status", result.Status), slog.String("detail", result.Detail)}
	switch {
	case result.Status != StatusOK:
		p.app.Logger().Warn("a health check does not pass", attrs...)
	case s.last != "":
		p.app.Logger().Info("a health check passes again", attrs...)
	}
}
