package observe

import (
	"net/http"

	"github.com/prometheus/client_golang/prometheus"
)

// Sample takes a sample now.
func (p *Plugin) Sample() { p.sample() }

// Quantile is that of a histogram with the bounds, of the values.
func Quantile(bounds, values []float64, q float64) float64 {
	h := prometheus.NewHistogram(prometheus.HistogramOpts{Name: "h", Buckets: bounds})
	for _, v := range values {
		h.Observe(v)
	}
	return read(h).quantile(q)
}

// Wrap measures and traces what next answers.
func Wrap(tracer Tracer, next http.Handler) http.Handler {
	r := newRequests()
	r.tracer = tracer
	return r.wrap(next)
}
