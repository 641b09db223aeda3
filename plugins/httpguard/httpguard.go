// Package httpguard sets the headers that keep browsers out of trouble, decides
// which origins may use the API, and serves the app's public files.
//
//	httpguard.MustRegister(app, httpguard.Config{
//		Origins: []string{"https://app.example.com"},
//		Public:  os.DirFS("pb_public"),
//	})
//
// What a response gets depends on its path:
//
//   - Pages, which is everything outside /api/ and /_/: a content security policy,
//     no framing, no features but camera and location, an origin of their own.
//   - /api/files/: may be embedded and framed by other origins, as with plain
//     PocketBase, whose sandbox policy stays.
//   - The rest of /api/: no framing, embedded by the same site only.
//   - /_/: PocketBase's dashboard keeps its own policy.
//
// A handler that sets one of these headers wins.
package httpguard

import (
	"errors"
	"fmt"
	"io/fs"
	"net/http"
	"net/url"
	"strings"
	"time"

	"github.com/pocketbase/pocketbase/apis"
	"github.com/pocketbase/pocketbase/core"
	"github.com/pocketbase/pocketbase/tools/hook"
)

// DefaultPolicy is the content security policy of pages: what the server itself
// serves, images from memory, inline styles.
const DefaultPolicy = "default-src 'self'; img-src 'self' data: blob:; style-src 'self' 'unsafe-inline'; " +
	"script-src 'self'; connect-src 'self'; object-src 'none'; base-uri 'none'; frame-ancestors 'none'; form-action 'self'"

// DefaultPermissions is what pages may ask the browser for.
const DefaultPermissions = "accelerometer=(), autoplay=(), browsing-topics=(), camera=(self), display-capture=(), geolocation=(self), " +
	"gyroscope=(), hid=(), magnetometer=(), microphone=(), midi=(), payment=(), serial=(), usb=()"

// Config says what is allowed. The zero value sets the headers and leaves CORS
// to PocketBase, which lets every origin in.
type Config struct {
	// Origins are the origins that browsers may call the API from, besides the
	// server's own: "https://app.example.com", or "https://*.example.com" for any
	// subdomain. Defaults to none, which leaves PocketBase's rule in place: all
	// origins, or those of its --origins flag.
	Origins []string

	// ContentSecurityPolicy is the policy of pages. Defaults to DefaultPolicy;
	// "none" sends no policy.
	ContentSecurityPolicy string

	// PermissionsPolicy says which features pages may use. Defaults to
	// DefaultPermissions; "none" sends nothing.
	PermissionsPolicy string

	// HSTSMaxAge is how long browsers insist on HTTPS after a visit by HTTPS.
	// Defaults to 180 days; -1 does not ask for it.
	HSTSMaxAge time.Duration

	// Public holds the files that are served at /. Defaults to none.
	Public fs.FS
}

// off switches an optional header off.
const off = "none"

// Validate reports everything that is wrong with the config.
func (c Config) Validate() error {
	var problems []error
	for _, origin := range c.Origins {
		if !validOrigin(origin) {
			problems = append(problems, fmt.Errorf("httpguard: Origins must be like https://app.example.com, without a path, got %q", origin))
		}
	}
	for name, value := range map[string]string{
		"ContentSecurityPolicy": c.ContentSecurityPolicy, "PermissionsPolicy": c.PermissionsPolicy,
	} {
		if strings.ContainsAny(value, "\r\n") {
			problems = append(problems, fmt.Errorf("httpguard: %s must be one line, got %q", name, value))
		}
	}
	if c.HSTSMaxAge < -1 || c.HSTSMaxAge > 0 && c.HSTSMaxAge < time.Second {
		problems = append(problems, fmt.Errorf("httpguard: HSTSMaxAge must be -1, or a second or more, got %s", c.HSTSMaxAge))
	}
	return errors.Join(problems...)
}

// validOrigin accepts what a browser sends as Origin, and * for everything or
// for the subdomains of a host.
func validOrigin(origin string) bool {
	if origin == "*" {
		return true
	}
	plain := strings.Replace(origin, "://*.", "://any.", 1)
	u, err := url.Parse(plain)
	return err == nil && u.Scheme != "" && u.Host != "" && u.Scheme+"://"+u.Host == plain && !strings.Contains(plain, "*")
}

func (c Config) withDefaults() Config {
	if c.ContentSecurityPolicy == "" {
		c.ContentSecurityPolicy = DefaultPolicy
	}
	if c.PermissionsPolicy == "" {
		c.PermissionsPolicy = DefaultPermissions
	}
	if c.HSTSMaxAge == 0 {
		c.HSTSMaxAge = 180 * 24 * time.Hour
	}
	return c
}

// Plugin is a registered guard.
type Plugin struct {
	config  Config
	headers headerSets
}

// MustRegister is Register for main: it panics where Register fails.
func MustRegister(app core.App, config Config) *Plugin {
	p, err := Register(app, config)
	if err != nil {
		panic(err)
	}
	return p
}

// Register binds the guard to app. It fails on an invalid config, and on an app
// that has one already.
func Register(app core.App, config Config) (*Plugin, error) {
	if err := config.Validate(); err != nil {
		return nil, err
	}
	if app.Store().Has(registered) {
		return nil, errors.New("httpguard: the app has a guard already")
	}
	app.Store().Set(registered, true)

	config = config.withDefaults()
	p := &Plugin{config: config, headers: newHeaderSets(config)}
	app.OnServe().Bind(&hook.Handler[*core.ServeEvent]{Id: "holdallGuardRouter", Func: p.guard})
	if config.Public != nil {
		app.OnServe().Bind(&hook.Handler[*core.ServeEvent]{
			Id:       "holdallGuardPublic",
			Func:     p.servePublic,
			Priority: 999, // after whoever wants these paths for themselves
		})
	}
	return p, nil
}

// registered marks an app that has the plugin.
const registered = "holdallHTTPGuard"

// guard puts middlewares in the place of PocketBase's, by taking their ids: the
// router keeps the last of each.
func (p *Plugin) guard(e *core.ServeEvent) error {
	e.Router.Bind(&hook.Handler[*core.RequestEvent]{
		Id:       apis.DefaultSecurityHeadersMiddlewareId,
		Priority: apis.DefaultSecurityHeadersMiddlewarePriority,
		Func:     p.setHeaders,
	})
	if len(p.config.Origins) > 0 {
		e.Router.Bind(apis.CORS(apis.CORSConfig{
			AllowOrigins:  p.config.Origins,
			AllowMethods:  []string{http.MethodGet, http.MethodHead, http.MethodPut, http.MethodPatch, http.MethodPost, http.MethodDelete},
			ExposeHeaders: []string{"X-Request-Id"},
			MaxAge:        int((2 * time.Hour).Seconds()), // the most that Chromium takes
		}))
	}
	return e.Next()
}
