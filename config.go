package main

import (
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/pocketbase/pocketbase/core"
	"github.com/pocketbase/pocketbase/tools/osutils"
	"github.com/spf13/pflag"

	"github.com/holdall-go/holdall/internal/env"
)

// envPrefix starts the name of every variable that the program reads.
const envPrefix = "HOLDALL_"

// config is everything that can be set from outside. README and docs/config.md
// list the options.
type config struct {
	dir           string
	dev           bool
	encryptionKey string
	queryTimeout  time.Duration

	httpAddr  string // "" is PocketBase's default, which depends on the domains
	httpsAddr string
	origins   []string
	publicDir string // "" is what the binary holds

	demo       bool
	demoPublic bool

	// options is how each value came to be, for the config command.
	options []env.Option
}

// loadConfig reads the flags and the environment. Its error holds every problem
// there is.
func loadConfig(args, environ []string) (config, error) {
	flags := pflag.NewFlagSet("", pflag.ContinueOnError)
	flags.Usage = func() {} // cobra parses again, and reports what is wrong
	flags.ParseErrorsAllowlist.UnknownFlags = true
	baseFlags(flags)
	serveFlags(flags)
	_ = flags.Parse(args)

	r := env.New(envPrefix, environ, func(name string) (string, bool) {
		flag := flags.Lookup(name)
		if flag == nil || !flag.Changed {
			return "", false
		}
		if list, ok := flag.Value.(pflag.SliceValue); ok {
			return strings.Join(list.GetSlice(), ","), true
		}
		if name == "queryTimeout" {
			return flag.Value.String() + "s", true // PocketBase's flag is a number
		}
		return flag.Value.String(), true
	})

	var cfg config
	cfg.readServer(r)
	err := r.Err()
	cfg.options = r.Options()
	return cfg, err
}

// baseFlags declares the flags of every command. All but publicDir are
// PocketBase's own, which reads them by itself too.
func baseFlags(flags *pflag.FlagSet) {
	flags.String("dir", "", "")
	flags.Bool("dev", false, "")
	flags.String("encryptionEnv", "", "")
	flags.Int("queryTimeout", 0, "")
	publicDirFlag(flags)
}

// serveFlags declares the flags of the serve command.
func serveFlags(flags *pflag.FlagSet) {
	flags.String("http", "", "")
	flags.String("https", "", "")
	flags.StringSlice("origins", nil, "")
	demoFlag(flags)
}

func publicDirFlag(flags *pflag.FlagSet) {
	flags.String("publicDir", "", "serve the web app from this directory instead of the one in the binary")
}

func demoFlag(flags *pflag.FlagSet) {
	flags.Bool("demo", false, "fill an empty database with demo data and print the sign-ins")
}

func (cfg *config) readServer(r *env.Reader) {
	r.Group("Server")
	cfg.dir = env.Get(r, env.Text, "DIR", defaultDir(),
		"The data directory: databases, uploaded files, certificates.", env.Flag("dir"))
	cfg.httpAddr = env.Get(r, env.Text, "HTTP_ADDR", "",
		"Where to listen for HTTP. Unset means 127.0.0.1:8090, or 0.0.0.0:80 when `serve` is given domains.", env.Flag("http"))
	cfg.httpsAddr = env.Get(r, env.Text, "HTTPS_ADDR", "",
		"Where to listen for HTTPS, with a certificate from Let's Encrypt. Unset means off, or 0.0.0.0:443 when `serve` is given domains.", env.Flag("https"))
	cfg.publicDir = env.Get(r, env.Text, "PUBLIC_DIR", "",
		"Serves the web app from this directory instead of the one in the binary.", env.Flag("publicDir"))
	cfg.demo = env.Get(r, env.Bool, "DEMO", false,
		"Fills an empty database with demo data when the server starts, and prints the sign-ins.", env.Flag("demo"))
	cfg.demoPublic = env.Get(r, env.Bool, "DEMO_PUBLIC", false,
		"Serves the demo data on addresses that other machines reach, too. Everybody knows its passwords.")
	cfg.dev = env.Get(r, env.Bool, "DEV", false,
		"Prints SQL statements and PocketBase's own log to the terminal.", env.Flag("dev"))
	cfg.queryTimeout = env.Get(r, env.Duration, "QUERY_TIMEOUT", core.DefaultQueryTimeout,
		"How long a SELECT may take, in whole seconds.", env.Flag("queryTimeout"))
	cfg.encryptionKey = env.Get(r, env.Text, encryptionKeyName, "",
		"32 characters. Encrypts the settings in the database, which hold the SMTP and S3 secrets. Losing it loses the settings.", env.Secret())
}

// encryptionKeyName is the variable, without the prefix, that PocketBase is
// told to take the key from.
const encryptionKeyName = "ENCRYPTION_KEY"

// defaultDir is where PocketBase puts its data by itself: in the working
// directory for go run, beside the binary otherwise.
func defaultDir() string {
	base := filepath.Dir(os.Args[0])
	if osutils.IsProbablyGoRun() {
		base = "."
	}
	return filepath.Join(base, "pb_data")
}
