package push

import (
	"context"
	"time"

	"github.com/spf13/cobra"
)

// Command is the command of the plugin.
func (p *Plugin) Command() *cobra.Command { return p.command() }

// Wake has the sender look for what is due, as when the clock was moved.
func (p *Plugin) Wake() { p.wake() }

// Sweep ends and deletes what is past its time now.
func (p *Plugin) Sweep(ctx context.Context) error { return p.sweep(ctx) }

// End is when quiet hours end.
func (q QuietHours) End(now time.Time, zone *time.Location) time.Time { return q.end(now, zone) }

// Pick is what there is for a locale.
func Pick(choices map[string]string, locale string) string {
	choice, _ := pick(choices, locale)
	return choice
}

// PageSize is how many devices become deliveries at a time.
const PageSize = pageSize

// SessionOf is what a device keeps of its user's token key.
func SessionOf(tokenKey string) string { return sessionOf(tokenKey) }

// TokenHash is what a device is found by.
func TokenHash(provider, token string) string { return tokenHash(provider, token) }

// ServiceOf is the service of a device.
func ServiceOf(provider, token string) string { return serviceOf(provider, token) }
