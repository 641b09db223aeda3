package observe

import (
	"context"
	"math"
	"runtime"
	"slices"
	"sync"
	"time"

	dto "github.com/prometheus/client_model/go"
)

const (
	// sampleEvery is how often the state is kept for the panel.
	sampleEvery = 10 * time.Second
	// samplesKept are those of six hours.
	samplesKept = 6 * 360
)

// Sample is what happened in some seconds, and how it is at their end.
type Sample struct {
	At time.Time `json:"at"`
	// Requests and Errors are how many were answered in a second, the latter with a
	// status of 500 or more.
	Requests float64 `json:"requests" doc:"Answers a second."`
	Errors   float64 `json:"errors" doc:"Answers a second with a status of 500 or more."`
	// P50 and P99 are how long requests took, 0 if there were none.
	P50 float64 `json:"p50" doc:"Within how many seconds half of the requests were answered, 0 if there were none."`
	P99 float64 `json:"p99" doc:"Within how many seconds 99 % of the requests were answered, 0 if there were none."`
	// Reads and Writes are statements of the data database.
	Reads  float64 `json:"reads" doc:"Queries a second."`
	Writes float64 `json:"writes" doc:"Statements a second that write."`
	// WriterWait is how long 99 % of the transactions waited at most.
	WriterWait  float64 `json:"writerWait" doc:"For how many seconds 99 % of the transactions waited at most to become the writer."`
	WAL         float64 `json:"wal" doc:"Bytes of the write-ahead log."`
	CPU         float64 `json:"cpu" doc:"Processor time, in cores. 0 where the system does not tell."`
	Memory      float64 `json:"memory" doc:"Bytes of memory of the process. 0 where the system does not tell."`
	Goroutines  float64 `json:"goroutines"`
	InFlight    float64 `json:"inFlight" doc:"Requests that are being answered."`
	Connections float64 `json:"connections" doc:"Open connections to the data database that are in use."`
}

// totals are what only grows. Samples are made of their differences.
type totals struct {
	at                       time.Time
	requests, errors, cpu    float64
	took, read, write, begin histogram
}

// history keeps samples.
type history struct {
	mu      sync.Mutex
	samples []Sample
	last    totals
}

// keepHistory takes samples until ctx is done.
func (p *Plugin) keepHistory(ctx context.Context) {
	p.history.mu.Lock()
	p.history.last = p.totals()
	p.history.mu.Unlock()
	ticks := time.NewTicker(sampleEvery)
	defer ticks.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-ticks.C:
			p.sample()
		}
	}
}

// sample keeps what happened since the last one.
func (p *Plugin) sample() {
	now, s := p.totals(), p.state()
	p.history.mu.Lock()
	defer p.history.mu.Unlock()
	last := p.history.last
	seconds := now.at.Sub(last.at).Seconds()
	if seconds <= 0 {
		return // somebody has set the clock
	}
	took, begin := now.took.since(last.took), now.begin.since(last.begin)
	s.At, s.Requests, s.Errors = now.at, (now.requests-last.requests)/seconds, (now.errors-last.errors)/seconds
	s.CPU = (now.cpu - last.cpu) / seconds
	s.P50, s.P99, s.WriterWait = took.quantile(.5), took.quantile(.99), begin.quantile(.99)
	s.Reads, s.Writes = now.read.since(last.read).count()/seconds, now.write.since(last.write).count()/seconds
	p.history.last = now
	if len(p.history.samples) >= samplesKept {
		p.history.samples = slices.Delete(p.history.samples, 0, 1)
	}
	p.history.samples = append(p.history.samples, s)
}

// samples returns those of the last time d, oldest first.
func (p *Plugin) samples(d time.Duration) []Sample {
	p.history.mu.Lock()
	defer p.history.mu.Unlock()
	from := time.Now().Add(-d)
	i := slices.IndexFunc(p.history.samples, func(s Sample) bool { return s.At.After(from) })
	if i < 0 {
		return []Sample{}
	}
	return slices.Clone(p.history.samples[i:])
}

// totals sums all up.
func (p *Plugin) totals() totals {
	t := totals{at: time.Now()}
	for _, r := range p.requests.routes() {
		t.requests += r.requests
		t.errors += r.errors
		t.took = t.took.plus(r.took)
	}
	kinds := p.databases.kinds["data"]
	t.cpu, _ = p.process()
	t.read, t.write, t.begin = read(kinds["read"]), read(kinds["write"]), read(kinds["begin"])
	return t
}

// state is how it is at the moment.
func (p *Plugin) state() Sample {
	_, memory := p.process()
	s := Sample{
		Memory: memory, Goroutines: float64(runtime.NumGoroutine()),
		WAL: p.databases.walSize("data"), InFlight: p.requests.flying(),
	}
	for _, pool := range p.databases.pools() {
		if pool.db == "data" {
			s.Connections += float64(pool.stats.InUse)
		}
	}
	return s
}

// process returns the processor time so far in seconds, and the memory in bytes.
func (p *Plugin) process() (cpu, memory float64) {
	families, err := p.system.Gather()
	if err != nil {
		return 0, 0
	}
	for _, f := range families {
		switch f.GetName() {
		case "process_cpu_seconds_total":
			cpu = f.GetMetric()[0].GetCounter().GetValue()
		case "process_resident_memory_bytes":
			memory = f.GetMetric()[0].GetGauge().GetValue()
		}
	}
	return cpu, memory
}

// histogram is the content of a Prometheus histogram: how many there were up to
// each bound, and in all.
type histogram struct {
	bounds, counts []float64 // cumulative
	all            float64
	sum            float64
}

// read takes what an observer has counted.
func read(observer any) histogram {
	var m dto.Metric
	if writer, ok := observer.(interface{ Write(*dto.Metric) error }); !ok || writer.Write(&m) != nil {
		return histogram{}
	}
	h := histogram{all: float64(m.GetHistogram().GetSampleCount()), sum: m.GetHistogram().GetSampleSum()}
	for _, b := range m.GetHistogram().GetBucket() {
		h.bounds = append(h.bounds, b.GetUpperBound())
		h.counts = append(h.counts, float64(b.GetCumulativeCount()))
	}
	return h
}

func (h histogram) plus(other histogram) histogram {
	if h.bounds == nil {
		return other
	}
	sum := histogram{bounds: h.bounds, counts: slices.Clone(h.counts), all: h.all + other.all, sum: h.sum + other.sum}
	for i := range other.counts {
		sum.counts[i] += other.counts[i]
	}
	return sum
}

// since is what came after last, which is the same histogram before.
func (h histogram) since(last histogram) histogram {
	if last.bounds == nil {
		return h
	}
	d := histogram{bounds: h.bounds, counts: slices.Clone(h.counts), all: h.all - last.all, sum: h.sum - last.sum}
	for i := range last.counts {
		d.counts[i] -= last.counts[i]
	}
	return d
}

func (h histogram) count() float64 { return h.all }

// quantile estimates below which value the part q of all lies, as Prometheus'
// histogram_quantile does: values are taken for evenly spread between two bounds,
// and what is above the last bound for the last bound.
func (h histogram) quantile(q float64) float64 {
	if h.all == 0 {
		return 0
	}
	rank := q * h.all
	for i, count := range h.counts {
		if count < rank {
			continue
		}
		low, below := 0.0, 0.0
		if i > 0 {
			low, below = h.bounds[i-1], h.counts[i-1]
		}
		if math.IsInf(h.bounds[i], 1) {
			return low
		}
		return low + (h.bounds[i]-low)*(rank-below)/(count-below)
	}
	return h.bounds[len(h.bounds)-1]
}
