package main

import (
	"errors"
	"fmt"
	"net/netip"
	"time"

	"github.com/pocketbase/pocketbase/core"
	"github.com/spf13/cobra"

	"github.com/holdall-go/holdall/internal/env"
	"github.com/holdall-go/holdall/plugins/limits"
)

// readCallers says what one caller may ask for.
func (cfg *config) readCallers(r *env.Reader) error {
	r.Group("Callers")
	c := &cfg.limits
	lock := &c.Lockout
	lock.Off = !env.Get(r, env.Bool, "LOCKOUT", true,
		"Whether those who fail to sign in have to wait, longer each time, by account and by address.")
	lock.Account.Free = env.Get(r, env.Int, "LOCKOUT_ACCOUNT_FREE", 5, "How many failures of an account from unknown devices cost no wait. The same number is free for each device that is known.")
	lock.Device.Free = lock.Account.Free
	lock.Address.Free = env.Get(r, env.Int, "LOCKOUT_ADDRESS_FREE", 20, "How many failures from one address, or IPv6 /64, cost no wait. Private addresses are not counted.")
	longest := env.Get(r, env.Duration, "LOCKOUT_MAX", 15*time.Minute, "How long the longest wait is.")
	lock.Account.Max, lock.Device.Max, lock.Address.Max, lock.Mail.Max = longest, longest, longest, longest
	lock.Forget = notDefault(env.Get(r, env.Duration, "LOCKOUT_FORGET", 24*time.Hour, "After how long without another failure those before are forgotten."))

	var problems []error
	for _, rate := range []struct {
		by         limits.By
		name, help string
	}{
		{limits.ByAddress, "RATE_PER_ADDRESS", "How many requests one address, or IPv6 /64, has, such as 1200/1m. Unset means any number. It comes beside RATE_LIMITS, with the RateLimit header."},
		{limits.ByUser, "RATE_PER_USER", "How many requests one account has, such as 600/1m. Unset means any number."},
	} {
		text := env.Get(r, env.Text, rate.name, "", rate.help)
		if text == "" {
			continue
		}
		parsed, err := limits.ParseRate(string(rate.by), rate.by, text)
		if err != nil {
			problems = append(problems, fmt.Errorf("%s%s: %w", envPrefix, rate.name, err))
			continue
		}
		c.Rates = append(c.Rates, parsed)
	}

	q := &c.Requests
	q.MaxPerPage = env.Get(r, env.Int, "MAX_PER_PAGE", 0, "The largest page that a list can be asked for; more is refused. 0 leaves it to PocketBase, which answers with 1000 records at most.")
	q.MaxExpandDepth = env.Get(r, env.Int, "MAX_EXPAND_DEPTH", 0, "How many relations a path of `expand` may go along. 0 leaves it to PocketBase, which leaves out what is deeper than 6.")
	q.MaxFilterTerms = env.Get(r, env.Int, "MAX_FILTER_TERMS", 0, "How many comparisons a filter may have. 0 leaves it to PocketBase, which refuses more than 200.")
	q.Deadline = env.Get(r, env.Duration, "REQUEST_TIMEOUT", time.Minute, "How long a request of the API may take until its answer begins, 1s to 1h. Then it is answered with 503. Realtime and backups may take longer. 0 means as long as it takes.")
	for _, text := range env.Get(r, env.List, "LIMITS_EXEMPT", nil, "Addresses and subnets whose failures and connections are not counted by address, besides private ones: of proxies, or of an office.") {
		prefix, err := subnet(text)
		if err != nil {
			problems = append(problems, fmt.Errorf("%sLIMITS_EXEMPT: it must be addresses and subnets, got %q", envPrefix, text))
			continue
		}
		c.Exempt = append(c.Exempt, prefix)
	}
	if c.Exempt != nil {
		c.Exempt = append(c.Exempt, limits.PrivateAddresses()...)
	}
	c.Connections.PerAddress = orNone(env.Get(r, env.Int, "CONNECTIONS_PER_ADDRESS", 1024, "How many connections one address, or IPv6 /64, may have open. Private addresses are not counted. 0 means any number."))
	c.Connections.HeaderTimeout = notDefault(env.Get(r, env.Duration, "HEADER_TIMEOUT", 15*time.Second, "How long a client may take to send the head of a request."))
	cfg.readQuotas(r)
	return errors.Join(problems...)
}

// subnet reads 203.0.113.0/24, or 203.0.113.7.
func subnet(text string) (netip.Prefix, error) {
	if ip, err := netip.ParseAddr(text); err == nil {
		return netip.PrefixFrom(ip, ip.BitLen()), nil
	}
	return netip.ParsePrefix(text)
}

// orNone maps 0, which people write for none, to what the plugin takes for it.
func orNone(n int) int {
	if n == 0 {
		return -1
	}
	return n
}

// registerLimits adds what bounds each caller.
func registerLimits(app core.App, root *cobra.Command, cfg config) error {
	cfg.limits.RootCmd = root
	_, err := limits.Register(app, cfg.limits)
	return err
}
