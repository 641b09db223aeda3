package demo

import (
	"fmt"
	"net"
	"net/http"
	"net/netip"
	"strings"

	"github.com/pocketbase/pocketbase/core"
	"github.com/pocketbase/pocketbase/tools/hook"

	"github.com/holdall-go/holdall/internal/apidoc"
)

// Path is where the sign-ins are served under [Register].
const Path = "/api/v1/demo"

// Register makes the app seed the demo data when it starts to serve, after the
// migrations and before it listens, print the sign-ins, and answer
// GET /api/v1/demo with those of its people. Serving fails where [Guard] refuses
// it, before anything is written.
func Register(app core.App, config Config) {
	app.OnServe().Bind(&hook.Handler[*core.ServeEvent]{
		Id: "holdallDemoServe",
		Func: func(e *core.ServeEvent) error {
			if err := config.checkReach(e.App, listenAddress(e)); err != nil {
				return err
			}
			result, err := Seed(e.App, config)
			if err != nil {
				return err
			}
			apidoc.Route(apidoc.On(e), apidoc.Op{
				Method: http.MethodGet, Path: Path, ID: "demo.accounts",
				Summary: "List the accounts of the demo", Description: "Their passwords are no secret. The route is there while the demo is served.",
			}, people)
			if err := e.Next(); err != nil {
				return err
			}
			printResult(config.withDefaults().Output, result)
			return nil
		},
	})
}

// Guard makes serving fail when other machines may reach it and the database
// holds the demo data, however long ago it was seeded: on an address that
// [CheckAddress] refuses, and with a trusted proxy header in the settings, as
// that tells of a proxy. [Config.AllowPublic] permits both.
func Guard(app core.App, config Config) {
	app.OnServe().Bind(&hook.Handler[*core.ServeEvent]{
		Id: "holdallDemoGuard",
		Func: func(e *core.ServeEvent) error {
			found, err := findMark(e.App)
			if err != nil {
				return fmt.Errorf("demo: look for demo data: %w", err)
			}
			if found != nil {
				if err := config.checkReach(e.App, listenAddress(e)); err != nil {
					return fmt.Errorf("%w, or remove the demo data, which the database holds, by the command demo --remove", err)
				}
			}
			return e.Next()
		},
	})
}

// checkReach returns an error when other machines may reach the address, unless
// they are allowed to.
func (c Config) checkReach(app core.App, address string) error {
	if c.AllowPublic {
		return nil
	}
	if err := CheckAddress(address); err != nil {
		return err
	}
	if headers := app.Settings().TrustedProxy.Headers; len(headers) > 0 {
		return fmt.Errorf("demo: the demo's passwords are public, so it is not served behind a proxy: trust no header such as %s", headers[0])
	}
	return nil
}

// listenAddress is empty when there is no listener, as in tests of a router.
func listenAddress(e *core.ServeEvent) string {
	switch {
	case e.Listener != nil:
		return e.Listener.Addr().String()
	case e.Server != nil && e.Server.Addr == "":
		return ":http" // what net/http makes of it
	case e.Server != nil:
		return e.Server.Addr
	default:
		return "localhost"
	}
}

// demoAccounts is the answer of the route.
type demoAccounts struct {
	Accounts []Account `json:"accounts"`
}

// people answers with the accounts that the app's users sign in with.
func people(*core.RequestEvent, *apidoc.None) (*demoAccounts, error) {
	return &demoAccounts{accounts(false)}, nil
}

// CheckAddress returns an error unless only this machine can reach a server on
// the address, which is a host with or without a port, as serve takes it. The
// demo's passwords are known to everybody.
func CheckAddress(address string) error {
	host, _, err := net.SplitHostPort(address)
	if err != nil {
		host = strings.Trim(address, "[]")
	}
	if ip, err := netip.ParseAddr(host); err == nil && ip.Unmap().IsLoopback() {
		return nil
	}
	if strings.EqualFold(host, "localhost") {
		return nil
	}
	return fmt.Errorf("demo: the demo's passwords are public, so it is not served on %q: listen on 127.0.0.1", address)
}
