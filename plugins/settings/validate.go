package settings

import (
	"errors"
	"fmt"
	"net/netip"
	"regexp"

	validation "github.com/pocketbase/ozzo-validation/v4"
	"github.com/pocketbase/ozzo-validation/v4/is"
	"github.com/pocketbase/pocketbase/core"
	"github.com/pocketbase/pocketbase/tools/cron"
)

// Validate reports everything that is wrong with the config as far as that can
// be told without the settings that it is applied to.
func (c Config) Validate() error {
	v := &validator{}
	v.text("AppName", c.AppName, validation.Required, validation.Length(1, 255))
	v.text("AppURL", c.AppURL, validation.Required, is.URL)
	v.text("SenderName", c.SenderName, validation.Required, validation.Length(1, 255))
	v.text("SenderAddress", c.SenderAddress, validation.Required, is.EmailFormat)
	v.addresses("SuperuserIPs", c.SuperuserIPs)
	v.addresses("RateLimitExcludedIPs", c.RateLimitExcludedIPs)
	v.smtp(c.SMTP)
	v.bucket("Files", c.Files)
	v.bucket("Backups", c.Backups)
	if c.BackupsCron != nil && *c.BackupsCron != "" {
		if _, err := cron.NewSchedule(*c.BackupsCron); err != nil {
			v.add("BackupsCron: %v, got %q", err, *c.BackupsCron)
		}
	}
	v.number("BackupsKeep", c.BackupsKeep, 1, 1000)
	v.number("Batch.MaxRequests", c.Batch.MaxRequests, 1, 10000)
	v.number("Batch.TimeoutSec", c.Batch.TimeoutSec, 1, 3600)
	if size := c.Batch.MaxBodySize; size != nil && *size < 1 {
		v.add("Batch.MaxBodySize must be 1 or more, got %d", *size)
	}
	v.rules(c.RateLimitRules)
	for _, name := range c.SignUps {
		if !collectionName.MatchString(name) {
			v.add("SignUps must be names of collections, got %q", name)
		}
	}
	for _, name := range c.TrustedProxyHeaders {
		if !validHeaderName(name) {
			v.add("TrustedProxyHeaders must be names of headers, got %q", name)
		}
	}
	v.number("LogDays", c.LogDays, 0, 10000)
	v.superuser(c.Superuser)
	return errors.Join(v.problems...)
}

var collectionName = regexp.MustCompile(`^\w+$`)

// validator collects problems. Values of secrets are not passed to it.
type validator struct{ problems []error }

func (v *validator) add(format string, args ...any) {
	v.problems = append(v.problems, fmt.Errorf("settings: "+format, args...))
}

func (v *validator) text(name string, value *string, rules ...validation.Rule) {
	if value == nil {
		return
	}
	if err := validation.Validate(*value, rules...); err != nil {
		v.add("%s %w, got %q", name, err, *value)
	}
}

func (v *validator) number(name string, value *int, least, most int) {
	if value != nil && (*value < least || *value > most) {
		v.add("%s must be in %d..%d, got %d", name, least, most, *value)
	}
}

func (v *validator) addresses(name string, list []string) {
	for _, text := range list {
		_, addressErr := netip.ParseAddr(text)
		_, prefixErr := netip.ParsePrefix(text)
		if addressErr != nil && prefixErr != nil {
			v.add("%s must be addresses or subnets such as 10.0.0.0/8, got %q", name, text)
		}
	}
}

func (v *validator) smtp(c SMTP) {
	v.text("SMTP.Host", c.Host, is.Host)
	v.number("SMTP.Port", c.Port, 1, 65535)
	v.text("SMTP.AuthMethod", c.AuthMethod, validation.In("PLAIN", "LOGIN"))
	v.text("SMTP.LocalName", c.LocalName, is.Host)
}

func (v *validator) bucket(name string, c S3) {
	v.text(name+".Endpoint", c.Endpoint, is.URL)
}

func (v *validator) rules(rules []core.RateLimitRule) {
	for _, rule := range rules {
		if err := rule.Validate(); err != nil {
			v.add("RateLimitRules: %q: %w", rule.Label, err)
		}
	}
}

func (v *validator) superuser(c Superuser) {
	switch {
	case c == Superuser{}:
		return
	case c.Email == "":
		v.add("Superuser has a password but no Email")
		return
	}
	v.text("Superuser.Email", &c.Email, is.EmailFormat)
	if n := len(c.Password); n > 0 && n < minPassword || n > maxPassword {
		v.add("Superuser.Password must have %d to %d bytes, got %d", minPassword, maxPassword, n)
	}
	if c.ResetPassword && c.Password == "" {
		v.add("Superuser.ResetPassword needs a Password")
	}
}

// validHeaderName reports whether name is a token as HTTP has it.
func validHeaderName(name string) bool {
	for i := range len(name) {
		c := name[i]
		letter := 'a' <= c && c <= 'z' || 'A' <= c && c <= 'Z' || '0' <= c && c <= '9'
		if !letter && c != '-' && c != '_' {
			return false
		}
	}
	return name != ""
}
