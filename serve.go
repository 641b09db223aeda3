package main

import (
	"cmp"
	"context"
	"fmt"
	"io"
	"log/slog"
	"net"
	"os"
	"strings"
	"time"

	"github.com/pocketbase/pocketbase/cmd"
	"github.com/pocketbase/pocketbase/core"
	"github.com/pocketbase/pocketbase/tools/hook"
	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"github.com/holdall-go/holdall/plugins/requestlog"
)

// serveCommand is PocketBase's serve with the defaults of cfg, so that the
// environment counts as well as the flags.
func serveCommand(app core.App, cfg config) *cobra.Command {
	// PocketBase's greeting is no JSON
	serve := cmd.NewServeCommand(app, cfg.log.Format == requestlog.FormatText)
	addDemoFlag(serve.Flags())
	setDefault(serve.PersistentFlags().Lookup("http"), cfg.httpAddr)
	setDefault(serve.PersistentFlags().Lookup("https"), cfg.httpsAddr)
	serve.PersistentFlags().Lookup("origins").Usage = "the origins that browsers may call the API from"
	serve.Args = domains
	run := serve.RunE
	serve.RunE = func(c *cobra.Command, args []string) error {
		flags := serve.PersistentFlags()
		if err := checkPorts(c.Context(), flags.Lookup("http").Value.String(), flags.Lookup("https").Value.String(), len(args) > 0); err != nil {
			return err
		}
		return run(c, args)
	}
	return serve
}

// checkPorts returns an error when there is HTTPS, and either address cannot be
// listened on. PocketBase drops the error of the server that sends HTTP on to
// HTTPS, and nobody would know why that port is silent.
func checkPorts(ctx context.Context, http, https string, withDomains bool) error {
	// as PocketBase fills them in
	if withDomains {
		http, https = cmp.Or(http, "0.0.0.0:80"), cmp.Or(https, "0.0.0.0:443")
	}
	if https == "" {
		return nil // there is one server, whose error is reported
	}
	http = cmp.Or(http, "127.0.0.1:8090")
	for _, address := range []string{http, https} {
		listener, err := new(net.ListenConfig).Listen(ctx, "tcp", address)
		if err != nil {
			return err
		}
		defer listener.Close() // when both are known to be free
	}
	return nil
}

// addServeFlags lets another command be asked about serve's flags.
func addServeFlags(flags *pflag.FlagSet) {
	addDemoFlag(flags)
	flags.String("http", "", "as given to serve")
	flags.String("https", "", "as given to serve")
	flags.StringSlice("origins", nil, "as given to serve")
}

// setDefault gives a text flag another default; "" leaves it.
func setDefault(flag *pflag.Flag, value string) {
	if value != "" {
		_ = flag.Value.Set(value) // a text flag accepts everything
		flag.DefValue = value
	}
}

// domains refuses arguments that cannot be meant as domains. PocketBase would
// go on to listen on the public ports 80 and 443 for `serve demo`.
func domains(_ *cobra.Command, args []string) error {
	for _, arg := range args {
		if !strings.Contains(arg, ".") || strings.ContainsAny(arg, "/: ") {
			return fmt.Errorf("%q is not a domain such as app.example.com", arg)
		}
	}
	return nil
}

// exportEncryptionKey puts the key where PocketBase looks for it, which matters
// if it came from a file, and returns the variable's name, "" without a key.
func exportEncryptionKey(key string) (name string, err error) {
	if key == "" {
		return "", nil
	}
	name = envPrefix + encryptionKeyName
	if err := os.Setenv(name, key); err != nil {
		return "", fmt.Errorf("pass the encryption key on: %w", err)
	}
	return name, nil
}

// bindGreeting says that the server is up where PocketBase does not, and how to
// make the first superuser without opening a browser on a machine that nobody
// sits at.
func bindGreeting(app core.App, cfg config) {
	app.OnServe().Bind(&hook.Handler[*core.ServeEvent]{
		Id: "holdallGreeting",
		Func: func(e *core.ServeEvent) error {
			if e.InstallerFunc != nil && (!isTerminal(os.Stdin) || !isTerminal(os.Stdout)) {
				e.InstallerFunc = func(_ core.App, superuser *core.Record, baseURL string) error {
					return printInstaller(os.Stderr, superuser, baseURL)
				}
			}
			if err := e.Next(); err != nil {
				return err
			}
			if e.Listener != nil && cfg.log.Format == requestlog.FormatJSON {
				e.App.Logger().Info("serving", slog.String("address", e.Listener.Addr().String()), slog.String("version", version))
			}
			return nil
		},
	})
}

// printInstaller prints the link by which whoever runs the server makes the
// first superuser.
func printInstaller(out io.Writer, superuser *core.Record, baseURL string) error {
	const valid = 30 * time.Minute
	token, err := superuser.NewStaticAuthToken(valid)
	if err != nil {
		return err
	}
	_, err = fmt.Fprintf(out, "There is no superuser yet. Create one with: holdall superuser upsert EMAIL PASSWORD\n"+
		"or within %.0f minutes at %s/_/#/pbinstall/%s\n", valid.Minutes(), strings.TrimRight(baseURL, "/"), token)
	return err
}
