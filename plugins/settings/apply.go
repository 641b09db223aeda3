package settings

import (
	"encoding/json"
	"fmt"
	"reflect"

	"github.com/pocketbase/pocketbase/core"
)

// snapshot is the settings as text, secrets included, to compare with. It is
// never shown: the settings' own JSON leaves the secrets out.
func snapshot(s *core.Settings) (string, error) {
	text, err := json.Marshal([]any{
		s.Meta, s.Logs, s.SMTP, s.S3, s.Backups, s.RateLimits, s.TrustedProxy, s.Batch, s.SuperuserIPs,
	})
	if err != nil {
		return "", fmt.Errorf("settings: compare the settings: %w", err)
	}
	return string(text), nil
}

// applyTo sets what the config names.
func (c Config) applyTo(s *core.Settings) {
	set(&s.Meta.AppName, c.AppName)
	set(&s.Meta.AppURL, c.AppURL)
	set(&s.Meta.SenderName, c.SenderName)
	set(&s.Meta.SenderAddress, c.SenderAddress)
	set(&s.Meta.HideControls, c.HideControls)
	setList(&s.SuperuserIPs, c.SuperuserIPs)
	set(&s.Logs.MaxDays, c.LogDays)
	set(&s.Logs.MinLevel, c.LogLevel)
	set(&s.Logs.LogIP, c.LogIP)
	setList(&s.TrustedProxy.Headers, c.TrustedProxyHeaders)
	set(&s.TrustedProxy.UseLeftmostIP, c.TrustedProxyLeftmost)
	set(&s.Backups.Cron, c.BackupsCron)
	set(&s.Backups.CronMaxKeep, c.BackupsKeep)
	c.SMTP.applyTo(&s.SMTP)
	c.Files.applyTo(&s.S3)
	c.Backups.applyTo(&s.Backups.S3)
	c.Batch.applyTo(&s.Batch)
	c.applyRateLimits(&s.RateLimits)
}

func (c SMTP) applyTo(s *core.SMTPConfig) {
	if c.Host != nil {
		s.Enabled = *c.Host != ""
	}
	set(&s.Enabled, c.Enabled)
	set(&s.Host, c.Host)
	set(&s.Port, c.Port)
	set(&s.Username, c.Username)
	set(&s.Password, c.Password)
	set(&s.AuthMethod, c.AuthMethod)
	set(&s.TLS, c.TLS)
	set(&s.LocalName, c.LocalName)
}

func (c S3) applyTo(s *core.S3Config) {
	if c.Bucket != nil {
		s.Enabled = *c.Bucket != ""
	}
	set(&s.Enabled, c.Enabled)
	set(&s.Bucket, c.Bucket)
	set(&s.Region, c.Region)
	set(&s.Endpoint, c.Endpoint)
	set(&s.AccessKey, c.AccessKey)
	set(&s.Secret, c.Secret)
	set(&s.ForcePathStyle, c.ForcePathStyle)
}

// DefaultBatch returns the batch settings of a new app. The body has room for a
// few photos.
func DefaultBatch() core.BatchConfig {
	return core.BatchConfig{Enabled: true, MaxRequests: 100, Timeout: 10, MaxBodySize: 64 << 20}
}

// stockBatch is what PocketBase gives a new app.
var stockBatch = core.BatchConfig{Enabled: false, MaxRequests: 50, Timeout: 3}

func (c Batch) applyTo(s *core.BatchConfig) {
	if *s == stockBatch {
		*s = DefaultBatch()
	}
	set(&s.MaxRequests, c.MaxRequests)
	if c.TimeoutSec != nil {
		s.Timeout = int64(*c.TimeoutSec)
	}
	set(&s.MaxBodySize, c.MaxBodySize)
}

// DefaultRateLimits returns the rate limits of a new app. They are per client
// address, where a whole office may sit behind one, and count in fixed windows;
// superusers have none.
//
//   - Signing in, by whatever method: 40 a minute. As many as PocketBase's own
//     example admits (2 in 3 s), but a team may come in at once in the morning.
//   - What sends a mail to somebody: 20 a minute.
//   - Creating a record of a collection in signUps, where everybody may make an
//     account: 20 a minute, as each hashes a password, which takes some 50 ms of
//     a core.
//   - Batches: 60 in 10 s.
//   - Everything else: 3000 in 10 s for each route of a collection, and for all
//     other routes together. It stops a flood, not a busy client.
func DefaultRateLimits(signUps ...string) []core.RateLimitRule {
	rules := []core.RateLimitRule{
		{Label: "*:auth", MaxRequests: 40, Duration: 60},
		{Label: "*:requestPasswordReset", MaxRequests: 20, Duration: 60},
		{Label: "*:requestVerification", MaxRequests: 20, Duration: 60},
		{Label: "*:requestEmailChange", MaxRequests: 20, Duration: 60},
		{Label: "*:requestOTP", MaxRequests: 20, Duration: 60},
	}
	for _, collection := range signUps {
		rules = append(rules, core.RateLimitRule{Label: collection + ":create", MaxRequests: 20, Duration: 60})
	}
	return append(rules,
		core.RateLimitRule{Label: "/api/batch", MaxRequests: 60, Duration: 10},
		core.RateLimitRule{Label: "/api/", MaxRequests: 3000, Duration: 10},
	)
}

// stockRules is what PocketBase gives a new app, switched off.
var stockRules = []core.RateLimitRule{
	{Label: "*:auth", MaxRequests: 2, Duration: 3},
	{Label: "*:create", MaxRequests: 20, Duration: 5},
	{Label: "/api/batch", MaxRequests: 3, Duration: 1},
	{Label: "/api/", MaxRequests: 300, Duration: 10},
}

func (c Config) applyRateLimits(s *core.RateLimitsConfig) {
	untouched := !s.Enabled && len(s.ExcludedIPs) == 0 && reflect.DeepEqual(s.Rules, stockRules)
	setList(&s.ExcludedIPs, c.RateLimitExcludedIPs)
	defaults := DefaultRateLimits(c.SignUps...)
	switch {
	case c.RateLimitRules != nil:
		s.Enabled, s.Rules = true, c.RateLimitRules
	case untouched:
		s.Enabled, s.Rules = true, defaults
	case c.RateLimits != nil && *c.RateLimits && len(s.Rules) == 0:
		s.Rules = defaults
	case reflect.DeepEqual(s.Rules, DefaultRateLimits()):
		s.Rules = defaults // given to the app before it had public sign-ups
	}
}

func set[T any](to *T, value *T) {
	if value != nil {
		*to = *value
	}
}

func setList(to *[]string, value []string) {
	if value != nil {
		*to = value
	}
}
