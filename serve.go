package main

import (
	"fmt"
	"os"
	"strings"

	"github.com/pocketbase/pocketbase/cmd"
	"github.com/pocketbase/pocketbase/core"
	"github.com/spf13/cobra"
	"github.com/spf13/pflag"
)

// serveCommand is PocketBase's serve with the defaults of cfg, so that the
// environment counts as well as the flags.
func serveCommand(app core.App, cfg config) *cobra.Command {
	serve := cmd.NewServeCommand(app, true)
	demoFlag(serve.Flags())
	setDefault(serve.PersistentFlags().Lookup("http"), cfg.httpAddr)
	setDefault(serve.PersistentFlags().Lookup("https"), cfg.httpsAddr)
	serve.Args = domains
	return serve
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
