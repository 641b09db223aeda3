// Package traces records what a request leads to, for an OpenTelemetry collector:
// its rules, statements and hooks, the jobs that it enqueues and the webhooks that
// follow from it, as one tree.
//
//	tracer, err := traces.New(traces.Config{URL: "http://127.0.0.1:4318", Ratio: 1})
//	observe.MustRegister(app, observe.Config{Tracer: tracer, Statements: engine})
//	jobs.MustRegister(app, jobs.Config{Tracer: tracer})
//
// It is a package of its own so that who wants metrics only has no OpenTelemetry in
// the program.
//
// Requests do not wait for the collector, and do not notice if there is none: spans
// that it does not take in time are thrown away.
package traces

import (
	"context"
	"errors"
	"fmt"
	"net/url"
	"os"
	"strings"
	"time"

	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/exporters/otlp/otlptrace/otlptracehttp"
	"go.opentelemetry.io/otel/sdk/resource"
	sdk "go.opentelemetry.io/otel/sdk/trace"
	"go.opentelemetry.io/otel/trace"
	"golang.org/x/net/http/httpguts"
)

// Config says where traces go and how many there are.
type Config struct {
	// URL is where the collector takes OTLP by HTTP, such as "http://127.0.0.1:4318".
	// Without a path that is /v1/traces. It is required.
	URL string

	// Headers are sent with everything, such as the collector's token.
	Headers map[string]string

	// Ratio is which share of requests is recorded, 0..1, with all that follows from
	// them. Defaults to 0, which records only what others have begun to record, if
	// TrustParent says so.
	Ratio float64

	// TrustParent leaves it to who sends a traceparent header whether the request is
	// recorded. It is for a server behind a proxy that writes the header. Otherwise
	// anybody could have all their requests recorded: their trace id is kept, and
	// Ratio decides.
	TrustParent bool

	// Service and Version are the program's names for itself. Service defaults to
	// "holdall", Version to none.
	Service, Version string

	// Instance tells this process from others of the service. Defaults to the name of
	// the machine and the number of the process.
	Instance string

	// Queue is how many spans may wait for the collector. What is more is thrown away.
	// Defaults to 4096.
	Queue int

	// Interval is how long spans wait to be sent together. Defaults to 2s.
	Interval time.Duration

	// Timeout bounds an attempt to send, and how long the program waits for the
	// collector when it ends. Defaults to 5s.
	Timeout time.Duration

	// MaxStatements is how many statements of one request, or one job, have spans.
	// Defaults to 500.
	MaxStatements int
}

// batch is how many spans are sent together at most.
const batch = 512

func (c Config) withDefaults() Config {
	if c.Service == "" {
		c.Service = "holdall"
	}
	if c.Instance == "" {
		name, err := os.Hostname()
		if err != nil {
			name = "unknown"
		}
		c.Instance = fmt.Sprintf("%s:%d", name, os.Getpid())
	}
	if c.Queue == 0 {
		c.Queue = 4096
	}
	if c.Interval == 0 {
		c.Interval = 2 * time.Second
	}
	if c.Timeout == 0 {
		c.Timeout = 5 * time.Second
	}
	if c.MaxStatements == 0 {
		c.MaxStatements = 500
	}
	return c
}

// Validate reports everything that is wrong with the config.
func (c Config) Validate() error {
	c = c.withDefaults()
	var problems []error
	refuse := func(bad bool, format string, args ...any) {
		if bad {
			problems = append(problems, fmt.Errorf("traces: "+format, args...))
		}
	}
	_, err := c.endpoint()
	refuse(err != nil, "URL must be like http://127.0.0.1:4318, got %q", redactURL(c.URL))
	refuse(!(c.Ratio >= 0 && c.Ratio <= 1), "Ratio must be in 0..1, got %v", c.Ratio)
	refuse(c.Queue < 1 || c.Queue > 1<<20, "Queue must be in 1..1048576, got %d", c.Queue)
	refuse(c.Interval < time.Millisecond || c.Interval > time.Minute, "Interval must be in 1ms..1m, got %v", c.Interval)
	refuse(c.Timeout < time.Millisecond || c.Timeout > time.Minute, "Timeout must be in 1ms..1m, got %v", c.Timeout)
	refuse(c.MaxStatements < 1 || c.MaxStatements > 100_000, "MaxStatements must be in 1..100000, got %d", c.MaxStatements)
	for name, value := range c.Headers {
		if !httpguts.ValidHeaderFieldName(name) { // it may be half of a token that lacks its name
			refuse(true, "Headers: one has no name that can be sent")
			continue
		}
		refuse(!httpguts.ValidHeaderFieldValue(value), "Headers: the value of %q cannot be sent", name)
	}
	return errors.Join(problems...)
}

// endpoint is the whole URL that spans are sent to.
func (c Config) endpoint() (string, error) {
	u, err := url.Parse(c.URL)
	if err != nil {
		return "", err
	}
	if u.Scheme != "http" && u.Scheme != "https" || u.Hostname() == "" || u.Fragment != "" {
		return "", errors.New("it is no address of a server")
	}
	if strings.Trim(u.Path, "/") == "" {
		u.Path = "/v1/traces"
	}
	return u.String(), nil
}

// redactURL leaves out what may be a secret.
func redactURL(text string) string {
	u, err := url.Parse(text)
	if err != nil {
		return "..."
	}
	return u.Redacted()
}

// Tracer records spans. Its methods may be called at any time, by any goroutine.
type Tracer struct {
	config   Config
	provider *sdk.TracerProvider
	tracer   trace.Tracer
	exporter *exporter
}

// New returns a tracer. Nothing is sent before the first span, and nobody is asked
// whether the collector is there. [Tracer.Close] sends what waits.
func New(config Config) (*Tracer, error) {
	if err := config.Validate(); err != nil {
		return nil, err
	}
	config = config.withDefaults()
	endpoint, err := config.endpoint()
	if err != nil {
		return nil, fmt.Errorf("traces: %w", err)
	}
	client := otlptracehttp.NewClient(
		otlptracehttp.WithEndpointURL(endpoint), otlptracehttp.WithHeaders(config.Headers),
		otlptracehttp.WithTimeout(config.Timeout), otlptracehttp.WithCompression(otlptracehttp.GzipCompression),
		// what comes meanwhile waits in the queue, which is bounded
		otlptracehttp.WithRetry(otlptracehttp.RetryConfig{
			Enabled: true, InitialInterval: config.Timeout / 10, MaxInterval: config.Timeout / 2, MaxElapsedTime: config.Timeout,
		}),
	)
	out := newExporter(client)
	t := &Tracer{config: config, exporter: out}
	t.provider = sdk.NewTracerProvider(
		sdk.WithSampler(sdk.AlwaysSample()), // what is not to be recorded never comes so far
		sdk.WithResource(resource.NewSchemaless(
			attribute.String("service.name", config.Service), attribute.String("service.version", config.Version),
			attribute.String("service.instance.id", config.Instance),
			attribute.String("telemetry.sdk.language", "go"), attribute.String("telemetry.sdk.name", "opentelemetry"),
		)),
		sdk.WithRawSpanLimits(sdk.SpanLimits{
			AttributeValueLengthLimit: maxAttribute, AttributeCountLimit: 64, EventCountLimit: 8, LinkCountLimit: 8,
			AttributePerEventCountLimit: 8, AttributePerLinkCountLimit: 8,
		}),
		sdk.WithSpanProcessor(sdk.NewBatchSpanProcessor(out, sdk.WithMaxQueueSize(config.Queue),
			sdk.WithMaxExportBatchSize(min(batch, config.Queue)), sdk.WithBatchTimeout(config.Interval), sdk.WithExportTimeout(config.Timeout))),
		sdk.WithSpanProcessor(out.counter()),
	)
	t.tracer = t.provider.Tracer("github.com/holdall-go/holdall/plugins/observe/traces")
	return t, nil
}

// maxAttribute is the length of the longest value of an attribute, in bytes. No
// statement is longer.
const maxAttribute = 2048

// Close sends the spans that wait, for Config.Timeout at most, and ends the tracer.
// Spans that end later are lost.
func (t *Tracer) Close(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, t.config.Timeout)
	defer cancel()
	if err := t.provider.Shutdown(ctx); err != nil {
		return fmt.Errorf("traces: send the last spans: %w", err)
	}
	return nil
}

// Flush sends the spans that wait.
func (t *Tracer) Flush(ctx context.Context) error {
	if err := t.provider.ForceFlush(ctx); err != nil {
		return fmt.Errorf("traces: send spans: %w", err)
	}
	return nil
}
