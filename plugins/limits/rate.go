package limits

import (
	"errors"
	"fmt"
	"hash/maphash"
	"math"
	"net/http"
	"regexp"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/pocketbase/pocketbase/apis"
	"github.com/pocketbase/pocketbase/core"
	"github.com/pocketbase/pocketbase/tools/hook"
)

// By says whose requests a rate counts together.
type By string

const (
	// ByAddress is per IPv4 address or IPv6 /64, signed in or not.
	ByAddress By = "address"
	// ByUser is per account, wherever it is signed in.
	ByUser By = "user"
	// ByKey is per API key, see Config.Keys.
	ByKey By = "key"
)

// Keys tells API keys apart.
type Keys interface {
	// KeyOf returns an id of the API key that the request came with, "" without
	// one. It is called for each request.
	KeyOf(e *core.RequestEvent) string
}

// Rate is how many requests there may be in a while. They are taken from a bucket
// that holds Limit and is filled evenly, so that a burst is fine and a stream is
// held to Limit each Window. Superusers are not counted.
type Rate struct {
	// Name is what the RateLimit header calls it: letters, digits, dashes.
	Name string
	// By says whose requests are counted together.
	By By
	// Limit is how many requests, or the sum of their costs. In 1..1000000000.
	Limit int
	// Window is in what time. In 1s..24h.
	Window time.Duration
}

var rateName = regexp.MustCompile(`^[A-Za-z0-9-]{1,40}$`)

func validateRates(rates []Rate) error {
	var problems []error
	seen := map[string]bool{}
	for _, r := range rates {
		if !rateName.MatchString(r.Name) || seen[r.Name] {
			problems = append(problems, fmt.Errorf("limits: Rates must have names of their own, of letters, digits and dashes, got %q", r.Name))
		}
		seen[r.Name] = true
		if r.By != ByAddress && r.By != ByUser && r.By != ByKey {
			problems = append(problems, fmt.Errorf("limits: the rate %q must be by address, user or key, got %q", r.Name, r.By))
		}
		if r.Limit < 1 || r.Limit > 1_000_000_000 {
			problems = append(problems, fmt.Errorf("limits: Limit of the rate %q must be in 1..1000000000, got %d", r.Name, r.Limit))
		}
		if r.Window < time.Second || r.Window > 24*time.Hour {
			problems = append(problems, fmt.Errorf("limits: Window of the rate %q must be in 1s..24h, got %s", r.Name, r.Window))
		}
	}
	return errors.Join(problems...)
}

// ParseRate reads a rate such as "600/1m".
func ParseRate(name string, by By, text string) (Rate, error) {
	limit, window, ok := strings.Cut(text, "/")
	n, err := strconv.Atoi(limit)
	if !ok || err != nil {
		return Rate{}, fmt.Errorf("it must be like 600/1m, got %q", text)
	}
	if window != "" && (window[0] < '0' || window[0] > '9') {
		window = "1" + window // 600/m
	}
	d, err := time.ParseDuration(window)
	if err != nil {
		return Rate{}, fmt.Errorf("it must be like 600/1m, got %q", text)
	}
	rate := Rate{Name: name, By: by, Limit: n, Window: d}
	return rate, validateRates([]Rate{rate})
}

const (
	shards = 64
	// maxBuckets bounds the callers that a rate knows at a time.
	maxBuckets = 200_000
	// sampled is how many of a full shard are looked at for one to forget.
	sampled = 8
)

// meter counts requests.
type meter struct {
	config  Config
	rates   []*counter
	started time.Time
}

// counter counts the requests of one rate.
type counter struct {
	Rate
	policy    string  // its part of the RateLimit-Policy header
	perSecond float64 // with which a bucket is filled
	seed      maphash.Seed
	shards    [shards]shard
}

type shard struct {
	mu      sync.Mutex
	buckets map[string]bucket
}

// bucket is what is left at a time, in seconds since the meter was made.
type bucket struct{ left, at float64 }

func newMeter(c Config) *meter {
	m := &meter{config: c, started: c.Now()}
	for _, rate := range c.Rates {
		k := &counter{
			Rate: rate, perSecond: float64(rate.Limit) / rate.Window.Seconds(), seed: maphash.MakeSeed(),
			policy: fmt.Sprintf("%q;q=%d;w=%d", rate.Name, rate.Limit, int(math.Ceil(rate.Window.Seconds()))),
		}
		for i := range k.shards {
			k.shards[i].buckets = map[string]bucket{}
		}
		m.rates = append(m.rates, k)
	}
	return m
}

// take takes the cost out of the caller's bucket if that is in it, and returns what
// is left. A cost beyond the limit is the whole bucket.
func (k *counter) take(caller string, cost, now float64) (left float64, ok bool) {
	limit := float64(k.Limit)
	s := &k.shards[maphash.String(k.seed, caller)%shards]
	s.mu.Lock()
	defer s.mu.Unlock()
	b, known := s.buckets[caller]
	if !known {
		if cost <= 0 {
			return limit, true
		}
		if len(s.buckets) >= maxBuckets/shards {
			k.forget(s, now)
		}
		b = bucket{left: limit, at: now}
	}
	b.left = max(0, min(limit, b.left+max(0, now-b.at)*k.perSecond))
	b.at = now
	cost = min(cost, limit)
	if ok = b.left >= cost; ok {
		b.left = min(limit, b.left-cost) // a cost below 0 gives back
	}
	s.buckets[caller] = b
	return b.left, ok
}

// forget drops the fullest of some buckets: who owns it loses least count.
func (k *counter) forget(s *shard, now float64) {
	fullest, most, n := "", -1.0, 0
	for caller, b := range s.buckets {
		if left := b.left + (now-b.at)*k.perSecond; left > most {
			fullest, most = caller, left
		}
		if n++; n == sampled {
			break
		}
	}
	delete(s.buckets, fullest)
}

// full is after how many seconds a bucket is full again.
func (k *counter) full(left float64) int64 {
	return int64(math.Ceil((float64(k.Limit) - left) / k.perSecond))
}

func (p *Plugin) bindRates(app core.App) {
	if len(p.config.Rates) == 0 {
		return
	}
	app.OnServe().Bind(&hook.Handler[*core.ServeEvent]{
		Id: "holdallLimitsRates",
		Func: func(e *core.ServeEvent) error {
			e.Router.Bind(&hook.Handler[*core.RequestEvent]{
				Id: "holdallLimitsRate", Func: p.rate,
				Priority: apis.DefaultRateLimitMiddlewarePriority - 1, // who it is is known, and nothing else done
			})
			return e.Next()
		},
	})
	app.OnBatchRequest().Bind(&hook.Handler[*core.BatchRequestEvent]{
		Id: "holdallLimitsRateBatch", Priority: outermost,
		Func: func(e *core.BatchRequestEvent) error {
			// the batch itself was counted as one
			if err := p.charge(e.RequestEvent, len(e.Batch)-1); err != nil {
				return err
			}
			return e.Next()
		},
	})
}

// rate counts a request of the API.
func (p *Plugin) rate(e *core.RequestEvent) error {
	if !strings.HasPrefix(e.Request.URL.Path, "/api/") {
		return e.Next()
	}
	cost := 1
	if len(p.config.Costs) > 0 {
		if own, ok := p.config.Costs[e.Request.Pattern]; ok {
			cost = own
		}
	}
	if err := p.charge(e, cost); err != nil {
		return err
	}
	return e.Next()
}

// charge takes a cost out of all buckets of the caller, or out of none.
func (p *Plugin) charge(e *core.RequestEvent, cost int) error {
	if e.HasSuperuserAuth() {
		return nil
	}
	now := p.config.Now().Sub(p.rates.started).Seconds()
	policies, state := make([]byte, 0, 128), make([]byte, 0, 96)
	for i, k := range p.rates.rates {
		caller := p.caller(e, k.By)
		if caller == "" {
			continue
		}
		left, ok := k.take(caller, float64(cost), now)
		policies, state = k.describe(policies, state, left)
		if ok {
			continue
		}
		for _, earlier := range p.rates.rates[:i] {
			if other := p.caller(e, earlier.By); other != "" {
				earlier.take(other, -min(float64(cost), float64(earlier.Limit)), now)
			}
		}
		p.tellRates(e, policies, state)
		missing := min(float64(cost), float64(k.Limit)) - left
		return tooMany(e, time.Duration(missing/k.perSecond*float64(time.Second)), CodeRate, "There were too many requests.")
	}
	p.tellRates(e, policies, state)
	return nil
}

// describe appends what the headers say of a rate.
func (k *counter) describe(policies, state []byte, left float64) (morePolicies, moreState []byte) {
	if len(policies) > 0 {
		policies, state = append(policies, ", "...), append(state, ", "...)
	}
	policies = append(policies, k.policy...)
	state = append(append(append(state, '"'), k.Name...), `";r=`...)
	state = strconv.AppendInt(state, int64(left), 10)
	state = append(state, ";t="...)
	return policies, strconv.AppendInt(state, k.full(left), 10)
}

// tellRates sets the headers of draft-ietf-httpapi-ratelimit-headers, under the
// names in the form that package http keeps them in.
func (p *Plugin) tellRates(e *core.RequestEvent, policies, state []byte) {
	if len(policies) == 0 {
		return
	}
	header := e.Response.Header()
	told := header["Ratelimit"] != nil
	header["Ratelimit-Policy"], header["Ratelimit"] = []string{string(policies)}, []string{string(state)}
	if !told {
		exposeRates(e, header)
	}
}

func exposeRates(e *core.RequestEvent, header http.Header) {
	expose(e, header, "RateLimit")
	expose(e, header, "RateLimit-Policy")
}

// caller returns whose request it is, "" if the rate does not count it.
func (p *Plugin) caller(e *core.RequestEvent, by By) string {
	switch by {
	case ByUser:
		if e.Auth == nil {
			return ""
		}
		return e.Auth.Collection().Id + "/" + e.Auth.Id
	case ByKey:
		return p.config.Keys.KeyOf(e)
	default:
		ip := e.RealIP()
		if strings.IndexByte(ip, ':') < 0 {
			return ip // of IPv4, which needs no parsing
		}
		network, _ := p.address(e)
		return network
	}
}
