package limits

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"time"
)

// Lockout says how long who fails has to wait. Account and device are two budgets
// of the same account: whoever has signed in from a browser or phone before does
// not wait for what strangers do.
type Lockout struct {
	// Off lets everybody guess as fast as the server can hash.
	Off bool

	// Account bounds failed sign-ins of one account from devices that it is not
	// known from. Defaults to 5 free, then 1s doubling up to 15m.
	Account Delay

	// Device bounds failed sign-ins of one account from one device that is known.
	// Defaults to the same.
	Device Delay

	// Address bounds failed sign-ins from one IPv4 address or IPv6 /64, whatever
	// the accounts. Defaults to 20 free, then 1s doubling up to 15m.
	Address Delay

	// Mail bounds the mails with one-time passwords and password resets that are
	// asked for to one address of mail, or from one address. Defaults to 10 free,
	// then 10s doubling up to 15m.
	Mail Delay

	// Forget is after how long without another failure those before are
	// forgotten. At least a minute. Defaults to 24h.
	Forget time.Duration

	// DeviceLifetime is how long a device stays known after a sign-in. Defaults to
	// 180 days; -1 knows no devices.
	DeviceLifetime time.Duration

	// MaxRows bounds what is remembered, in accounts, devices and addresses; the
	// oldest go first. In 100..10000000. Defaults to 100000.
	MaxRows int
}

// Delay is a number of failures without consequences, and a wait after each
// further one, that doubles.
type Delay struct {
	// Free is how many failures there can be before the first wait. In 1..1000.
	Free int
	// First is the wait after the last of them. In 1ms..1h.
	First time.Duration
	// Max is the longest. At least First, at most 24h.
	Max time.Duration
}

// after is how long to wait after so many failures.
func (d Delay) after(failures int) time.Duration {
	if failures < d.Free {
		return 0
	}
	wait := d.First
	for range failures - d.Free {
		if wait >= d.Max {
			break
		}
		wait *= 2
	}
	return min(wait, d.Max)
}

func (d Delay) or(free int, first time.Duration) Delay {
	if d.Free == 0 {
		d.Free = free
	}
	if d.First == 0 {
		d.First = first
	}
	if d.Max == 0 {
		d.Max = max(15*time.Minute, d.First)
	}
	return d
}

func (d Delay) validate(name string) error {
	var problems []error
	if d.Free < 1 || d.Free > 1000 {
		problems = append(problems, fmt.Errorf("limits: Lockout.%s.Free must be in 1..1000, got %d", name, d.Free))
	}
	if d.First < time.Millisecond || d.First > time.Hour {
		problems = append(problems, fmt.Errorf("limits: Lockout.%s.First must be in 1ms..1h, got %s", name, d.First))
	}
	if d.Max < d.First || d.Max > 24*time.Hour {
		problems = append(problems, fmt.Errorf("limits: Lockout.%s.Max must be in First..24h, got %s", name, d.Max))
	}
	return errors.Join(problems...)
}

func (l Lockout) withDefaults() Lockout {
	l.Account = l.Account.or(5, time.Second)
	l.Device = l.Device.or(5, time.Second)
	l.Address = l.Address.or(20, time.Second)
	l.Mail = l.Mail.or(10, 10*time.Second)
	if l.Forget == 0 {
		l.Forget = 24 * time.Hour
	}
	if l.DeviceLifetime == 0 {
		l.DeviceLifetime = 180 * 24 * time.Hour
	}
	if l.MaxRows == 0 {
		l.MaxRows = 100_000
	}
	return l
}

func (l Lockout) validate() error {
	problems := []error{l.Account.validate("Account"), l.Device.validate("Device"), l.Address.validate("Address"), l.Mail.validate("Mail")}
	if l.Forget < time.Minute {
		problems = append(problems, fmt.Errorf("limits: Lockout.Forget must be at least 1m, got %s", l.Forget))
	}
	if l.DeviceLifetime != -1 && l.DeviceLifetime < time.Minute {
		problems = append(problems, fmt.Errorf("limits: Lockout.DeviceLifetime must be -1 or at least 1m, got %s", l.DeviceLifetime))
	}
	if l.MaxRows < 100 || l.MaxRows > 10_000_000 {
		problems = append(problems, fmt.Errorf("limits: Lockout.MaxRows must be in 100..10000000, got %d", l.MaxRows))
	}
	return errors.Join(problems...)
}

// lane is one of the budgets that an attempt is taken from.
type lane struct {
	key, kind, label string
	delay            Delay
	// own is whether success clears it: nobody gets the budget of an address back
	// by signing in to an account of theirs.
	own bool
}

// The kinds of lanes.
const (
	kindAccount     = "account"
	kindDevice      = "device"
	kindAddress     = "address"
	kindMailAccount = "mail"
	kindMailAddress = "mail from address"
)

// outcome is how an attempt ended.
type outcome int

const (
	failed    outcome = iota // and is counted
	uncounted                // it was no guess, or half of a sign-in
	succeeded                // and clears what is its own
)

// flight is the attempts of a lane that are being looked at: each may be a
// failure that nobody knows of yet.
type flight struct {
	running, waiting int
	landed           chan struct{} // closed when one has ended
}

const (
	// maxWaiting is how many attempts of one lane wait for others to end.
	maxWaiting = 50
	// longestWait is how long they do.
	longestWait = 5 * time.Second
)

// guard decides who may try. What it has refused, nothing was hashed for.
type guard struct {
	config Lockout
	store  *store
	now    func() time.Time

	mu      sync.Mutex
	flights map[string]*flight
}

func newGuard(c Config, s *store) *guard {
	return &guard{config: c.Lockout, store: s, now: c.Now, flights: map[string]*flight{}}
}

// begin takes an attempt out of the budgets of all lanes, or returns how long to
// wait before the next. As many run at once as may fail without a wait; others
// wait until it is known how those have ended. Who gets 0 calls end.
func (g *guard) begin(ctx context.Context, lanes []lane) (wait time.Duration) {
	ctx, cancel := context.WithTimeout(ctx, longestWait)
	defer cancel()
	for {
		wait, busy := g.try(lanes)
		if busy == nil {
			return wait
		}
		select {
		case <-busy:
		case <-ctx.Done():
		}
		g.mu.Lock()
		g.leave(lanes)
		g.mu.Unlock()
		if ctx.Err() != nil {
			return time.Second
		}
	}
}

// try is begin without the waiting: it returns a channel to wait for.
func (g *guard) try(lanes []lane) (wait time.Duration, busy <-chan struct{}) {
	g.mu.Lock()
	defer g.mu.Unlock()
	now := g.now()
	rows := g.store.load(lanes, now.Add(-g.config.Forget))
	for _, l := range lanes {
		// a clock that was set back must not keep anybody out for longer than Max
		if left := min(rows[l.key].until.Sub(now), l.delay.Max); left > 0 {
			wait = max(wait, left)
		}
	}
	if wait > 0 {
		return wait, nil
	}
	for _, l := range lanes {
		f := g.flights[l.key]
		if f == nil || f.running < max(1, l.delay.Free-rows[l.key].failures) {
			continue
		}
		if f.waiting >= maxWaiting {
			return time.Second, nil
		}
		for _, l := range lanes {
			g.flight(l.key).waiting++
		}
		return 0, f.landed
	}
	for _, l := range lanes {
		g.flight(l.key).running++
	}
	return 0, nil
}

func (g *guard) flight(key string) *flight {
	f := g.flights[key]
	if f == nil {
		f = &flight{landed: make(chan struct{})}
		g.flights[key] = f
	}
	return f
}

// leave takes one that waited off the lanes.
func (g *guard) leave(lanes []lane) {
	for _, l := range lanes {
		f := g.flights[l.key]
		f.waiting--
		g.tidy(l.key, f)
	}
}

func (g *guard) tidy(key string, f *flight) {
	if f.running == 0 && f.waiting == 0 {
		delete(g.flights, key)
	}
}

// end says how an attempt went for which begin returned 0.
func (g *guard) end(lanes []lane, o outcome) {
	g.mu.Lock()
	defer g.mu.Unlock()
	switch o {
	case failed:
		now := g.now()
		rows := g.store.load(lanes, now.Add(-g.config.Forget))
		var changed []row
		for _, l := range lanes {
			r := rows[l.key]
			r.key, r.kind, r.label, r.at = l.key, l.kind, l.label, now
			r.failures++
			r.until = now.Add(l.delay.after(r.failures))
			changed = append(changed, r)
		}
		g.store.save(changed)
	case succeeded:
		var cleared []string
		rows := g.store.load(lanes, time.Time{})
		for _, l := range lanes {
			if _, has := rows[l.key]; has && l.own {
				cleared = append(cleared, l.key)
			}
		}
		g.store.remove(cleared)
	case uncounted:
	}
	for _, l := range lanes {
		f := g.flights[l.key]
		f.running--
		close(f.landed)
		f.landed = make(chan struct{})
		g.tidy(l.key, f)
	}
}
