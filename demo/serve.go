package demo

import (
	"fmt"
	"net"
	"net/http"
	"net/netip"
	"strings"

	"github.com/pocketbase/pocketbase/core"
	"github.com/pocketbase/pocketbase/tools/hook"
)

// Path is where the sign-ins are served under [Register].
const Path = "/api/v1/demo"

// Register makes the app seed the demo data when it starts to serve, after the
// migrations and before it listens, print the sign-ins, and answer
// GET /api/v1/demo with those of its people. Serving fails on an address that
// [CheckAddress] refuses, before anything is written.
func Register(app core.App, config Config) {
	app.OnServe().Bind(&hook.Handler[*core.ServeEvent]{
		Id: "holdallDemoServe",
		Func: func(e *core.ServeEvent) error {
			if !config.AllowPublic {
				if err := CheckAddress(listenAddress(e)); err != nil {
					return err
				}
			}
			result, err := Seed(e.App, config)
			if err != nil {
				return err
			}
			e.Router.GET(Path, people)
			if err := e.Next(); err != nil {
				return err
			}
			printResult(config.withDefaults().Output, result)
			return nil
		},
	})
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

// people answers with the accounts that the app's users sign in with.
func people(e *core.RequestEvent) error {
	return e.JSON(http.StatusOK, map[string]any{"accounts": accounts(false)})
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
