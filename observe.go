package main

import (
	"context"

	"github.com/pocketbase/pocketbase/core"

	"github.com/holdall-go/holdall/plugins/changes"
	"github.com/holdall-go/holdall/plugins/fastlane"
	"github.com/holdall-go/holdall/plugins/jobs"
	"github.com/holdall-go/holdall/plugins/observe"
	"github.com/holdall-go/holdall/plugins/observe/traces"
	"github.com/holdall-go/holdall/plugins/push"
	"github.com/holdall-go/holdall/plugins/webhooks"
)

// measured is what tells its own figures. What is nil is switched off.
type measured struct {
	log      *changes.Log
	jobs     *jobs.Plugin
	webhooks *webhooks.Plugin
	push     *push.Plugin
	lane     *fastlane.Plugin
}

// trace has all parts record traces, if there is a collector. It comes before they are
// registered.
func (cfg *config) trace() error {
	if cfg.tracesOff {
		return nil
	}
	tracer, err := traces.New(cfg.traces)
	if err != nil {
		return err
	}
	cfg.observe.Tracer, cfg.changes.Tracer, cfg.jobs.Tracer, cfg.webhooks.Tracer = tracer, tracer, tracer, tracer
	cfg.log.Trace = tracer.IDs
	cfg.observe.Sources = append(cfg.observe.Sources, traceFigures(tracer))
	return nil
}

func traceFigures(tracer *traces.Tracer) observe.Source {
	return observe.Source{Name: "traces", Collect: func(_ context.Context, emit func(observe.Figure)) error {
		counts := tracer.Counts()
		emit(observe.Figure{Name: "spans_total", Help: "Spans that have ended.", Counter: true, Value: float64(counts.Recorded)})
		emit(observe.Figure{Name: "spans_exported_total", Help: "Spans that the collector has taken.", Counter: true, Value: float64(counts.Exported)})
		emit(observe.Figure{Name: "spans_failed_total", Help: "Spans that the collector has not taken.", Counter: true, Value: float64(counts.Failed)})
		return nil
	}}
}

// registerObserve adds metrics, of the plugins too.
func registerObserve(app core.App, cfg config, parts measured) error {
	if cfg.observeOff {
		return nil
	}
	cfg.observe.Version = version
	if cfg.changes.Engine != nil {
		cfg.observe.Statements = cfg.changes.Engine
	}
	cfg.observe.Sources = append(cfg.observe.Sources, realtimeFigures(app), jobFigures(parts.jobs))
	if parts.log != nil {
		cfg.observe.Sources = append(cfg.observe.Sources, changeFigures(parts.log))
	}
	if parts.webhooks != nil {
		cfg.observe.Sources = append(cfg.observe.Sources, webhookFigures(parts.webhooks))
	}
	if parts.push != nil {
		cfg.observe.Sources = append(cfg.observe.Sources, pushFigures(parts.push))
	}
	if parts.lane != nil {
		cfg.observe.Sources = append(cfg.observe.Sources, laneFigures(parts.lane))
	}
	_, err := observe.Register(app, cfg.observe)
	return err
}

func realtimeFigures(app core.App) observe.Source {
	return observe.Source{Name: "realtime", Collect: func(_ context.Context, emit func(observe.Figure)) error {
		emit(observe.Figure{Name: "clients", Help: "Connected realtime clients.", Value: float64(app.SubscriptionsBroker().TotalClients())})
		return nil
	}}
}

func changeFigures(log *changes.Log) observe.Source {
	return observe.Source{Name: "changes", Collect: func(ctx context.Context, emit func(observe.Figure)) error {
		head, err := log.Head(ctx)
		if err != nil {
			return err
		}
		emit(observe.Figure{Name: "position", Help: "The last position of the change log.", Value: float64(head)})
		consumers, err := log.Consumers(ctx)
		for _, c := range consumers {
			of := []string{"consumer", c.Name}
			emit(observe.Figure{Name: "consumer_behind", Help: "Changes that a consumer has yet to handle.", Value: float64(c.Behind), Labels: of})
			emit(observe.Figure{Name: "consumer_attempts", Help: "How often the next change of a consumer has failed.", Value: float64(c.Attempts), Labels: of})
			emit(observe.Figure{Name: "consumer_dead", Help: "Changes that a consumer gave up.", Value: float64(c.Dead), Labels: of})
		}
		return err
	}}
}

func jobFigures(queue *jobs.Plugin) observe.Source {
	return observe.Source{Name: "jobs", Collect: func(ctx context.Context, emit func(observe.Figure)) error {
		stats, err := queue.Stats(ctx)
		if err != nil {
			return err
		}
		for _, q := range stats.Queues {
			for state, count := range map[jobs.State]int64{
				jobs.StatePending: q.Pending, jobs.StateScheduled: q.Scheduled, jobs.StateRunning: q.Running, jobs.StateDead: q.Dead,
			} {
				emit(observe.Figure{
					Name: "in_state", Help: "Jobs by queue and state.", Value: float64(count),
					Labels: []string{"queue", q.Name, "state", string(state)},
				})
			}
			of := []string{"queue", q.Name}
			emit(observe.Figure{Name: "wait_seconds", Help: "For how long the oldest pending job has waited.", Value: q.WaitSeconds, Labels: of})
			emit(observe.Figure{Name: "paused", Help: "1 if no jobs of the queue begin, else 0.", Value: oneIf(q.Paused), Labels: of})
		}
		return nil
	}}
}

// webhookFigures has one figure for all endpoints together, of which users may make
// as many as they like.
func webhookFigures(plugin *webhooks.Plugin) observe.Source {
	return observe.Source{Name: "webhooks", Collect: func(ctx context.Context, emit func(observe.Figure)) error {
		endpoints, err := plugin.Endpoints(ctx)
		if err != nil {
			return err
		}
		var enabled, failing float64
		var pending, failed int64
		for _, e := range endpoints {
			enabled += oneIf(e.Enabled)
			failing += oneIf(e.Enabled && e.FailingSince != nil)
			pending += e.Pending
			failed += e.Failed
		}
		emit(observe.Figure{Name: "endpoints", Help: "Endpoints that are enabled.", Value: enabled})
		emit(observe.Figure{Name: "endpoints_failing", Help: "Enabled endpoints whose latest attempt failed.", Value: failing})
		emit(observe.Figure{Name: "deliveries_pending", Help: "Deliveries that wait or are tried.", Value: float64(pending)})
		emit(observe.Figure{Name: "deliveries_failed", Help: "Deliveries that were given up and are still kept.", Value: float64(failed)})
		return nil
	}}
}

func pushFigures(plugin *push.Plugin) observe.Source {
	return observe.Source{Name: "push", Collect: func(ctx context.Context, emit func(observe.Figure)) error {
		status, err := plugin.Status(ctx)
		if err != nil {
			return err
		}
		var devices, pending int64
		var paused, failing float64
		for _, s := range status.Services {
			devices += s.Devices
			pending += s.Pending
			paused += oneIf(s.PausedSince != nil)
			failing += oneIf(s.FailingSince != nil)
		}
		emit(observe.Figure{Name: "messages_waiting", Help: "Messages that are not due or not yet deliveries.", Value: float64(status.Waiting)})
		emit(observe.Figure{Name: "devices", Help: "Registered devices.", Value: float64(devices)})
		emit(observe.Figure{Name: "deliveries_pending", Help: "Deliveries that wait or are tried.", Value: float64(pending)})
		emit(observe.Figure{Name: "services_paused", Help: "Services that do not accept our credentials.", Value: paused})
		emit(observe.Figure{Name: "services_failing", Help: "Services whose latest attempt failed.", Value: failing})
		return nil
	}}
}

func oneIf(yes bool) float64 {
	if yes {
		return 1
	}
	return 0
}
