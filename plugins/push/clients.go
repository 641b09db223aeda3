package push

import (
	"fmt"
	"maps"
	"slices"

	"github.com/pocketbase/pocketbase/core"

	"github.com/holdall-go/holdall/internal/safehttp"
	"github.com/holdall-go/holdall/plugins/push/apns"
	"github.com/holdall-go/holdall/plugins/push/fcm"
	"github.com/holdall-go/holdall/plugins/push/provider"
	"github.com/holdall-go/holdall/plugins/push/webpush"
)

// addProviders makes the clients of the services, but for Web Push, which may
// have its key in the database.
func (p *Plugin) addProviders() error {
	if c := p.config.FCM; c != nil {
		client, err := fcm.New(*c)
		if err != nil {
			return fmt.Errorf("push: %w", err)
		}
		p.providers[ProviderFCM] = client
	}
	if c := p.config.APNs; c != nil {
		client, err := apns.New(*c)
		if err != nil {
			return fmt.Errorf("push: %w", err)
		}
		p.providers[ProviderAPNs] = client
	}
	maps.Copy(p.providers, p.config.Providers)
	return nil
}

// sends tells whether there is a provider of that name.
func (p *Plugin) sends(name string) bool {
	return p.config.Providers[name] != nil || name == ProviderWebPush && p.config.WebPush != nil ||
		name == ProviderFCM && p.config.FCM != nil || name == ProviderAPNs && p.config.APNs != nil
}

// names are those of the providers that there can be, in order.
func (p *Plugin) names() []string {
	names := []string{ProviderWebPush, ProviderFCM, ProviderAPNs}
	for name := range p.config.Providers {
		names = append(names, name)
	}
	slices.Sort(names)
	return slices.Compact(names)
}

// client returns the provider of that name, nil if there is none.
func (p *Plugin) client(name string) provider.Provider {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.providers[name]
}

// prepare makes the client of Web Push, with a key that is made the first time.
func (p *Plugin) prepare(app core.App) error {
	if p.config.WebPush == nil || p.config.Providers[ProviderWebPush] != nil || p.client(ProviderWebPush) != nil {
		return nil
	}
	c := *p.config.WebPush
	if c.PrivateKey == "" {
		key, err := p.key(app, keyVAPID, func() (string, error) {
			private, _, err := webpush.GenerateKeys()
			return private, err
		})
		if err != nil {
			return err
		}
		c.PrivateKey = key
	}
	if c.Subject == "" {
		c.Subject = "mailto:" + app.Settings().Meta.SenderAddress
	}
	if c.HTTPClient == nil {
		c.HTTPClient = safehttp.New(safehttp.Options{Allow: p.config.Allow, MaxIdlePerHost: p.config.Concurrency})
	}
	client, err := webpush.New(c)
	if err != nil {
		return fmt.Errorf("push: %w", err)
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	p.providers[ProviderWebPush], p.vapidKey = client, client.PublicKey()
	return nil
}

// VAPIDKey returns the public key that pages subscribe with, and makes it if there
// is none. It is empty if Web Push is off.
func (p *Plugin) VAPIDKey() (string, error) {
	if err := p.prepare(p.app); err != nil {
		return "", err
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.vapidKey, nil
}
