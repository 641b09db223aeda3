package main

import (
	"errors"
	"fmt"
	"io/fs"
	"net/netip"
	"net/url"
	"os"
	"strings"
	"time"

	"github.com/pocketbase/pocketbase/core"
	"github.com/spf13/pflag"

	"github.com/holdall-go/holdall/internal/env"
	"github.com/holdall-go/holdall/plugins/backup"
	"github.com/holdall-go/holdall/plugins/changes"
	"github.com/holdall-go/holdall/plugins/doctor"
	"github.com/holdall-go/holdall/plugins/health"
	"github.com/holdall-go/holdall/plugins/httpguard"
	"github.com/holdall-go/holdall/plugins/jobs"
	"github.com/holdall-go/holdall/plugins/limits"
	"github.com/holdall-go/holdall/plugins/observe"
	"github.com/holdall-go/holdall/plugins/observe/traces"
	"github.com/holdall-go/holdall/plugins/openapi"
	"github.com/holdall-go/holdall/plugins/protect"
	"github.com/holdall-go/holdall/plugins/push"
	"github.com/holdall-go/holdall/plugins/push/apns"
	"github.com/holdall-go/holdall/plugins/push/fcm"
	"github.com/holdall-go/holdall/plugins/push/webpush"
	"github.com/holdall-go/holdall/plugins/realtime"
	"github.com/holdall-go/holdall/plugins/requestlog"
	"github.com/holdall-go/holdall/plugins/settings"
	"github.com/holdall-go/holdall/plugins/shutdown"
	"github.com/holdall-go/holdall/plugins/upgrade"
	"github.com/holdall-go/holdall/plugins/webhooks"
)

// envPrefix starts the name of every variable that the program reads.
const envPrefix = "HOLDALL_"

// config is everything that can be set from outside. docs/config.md lists it.
type config struct {
	dir           string // "" is PocketBase's default
	dev           bool
	encryptionKey string
	queryTimeout  time.Duration

	httpAddr  string // "" is PocketBase's default, which depends on the domains
	httpsAddr string

	demo       bool
	demoPublic bool

	api openapi.Config

	changesOff bool
	changes    changes.Config

	realtimeOff bool
	realtime    realtime.Config
	jobs        jobs.Config

	webhooksOff bool
	webhooks    webhooks.Config

	pushOff bool
	push    push.Config

	fastLane bool
	// laneCache is how many bytes of its answers are kept, laneTags whether they are tagged.
	laneCache int64
	laneTags  bool
	// quietViews is how many handlers of OnRecordViewRequest the plugins bind that leave
	// views without a query alone. Who leaves such a plugin out leaves out its count.
	quietViews int

	observeOff bool
	observe    observe.Config
	tracesOff  bool
	traces     traces.Config

	limits   limits.Config
	protect  protect.Config
	backup   backup.Config
	log      requestlog.Config
	health   health.Config
	shutdown shutdown.Config
	guard    httpguard.Config
	settings settings.Config
	upgrade  upgrade.Config
	doctor   doctor.Config

	// options is how each value came to be, for the config command.
	options []env.Option
}

// loadConfig reads the flags and the environment. Its error holds every problem
// there is.
func loadConfig(args, environ []string) (config, error) {
	r := env.New(envPrefix, environ, givenFlags(args))
	var cfg config
	problems := []error{cfg.readServer(r), cfg.readHTTP(r), cfg.readLog(r)}
	cfg.readLife(r)
	cfg.readMetrics(r)
	problems = append(problems, cfg.readTraces(r))
	cfg.readChanges(r)
	cfg.readAPI(r)
	cfg.readFastLane(r)
	cfg.readJobs(r)
	problems = append(problems, cfg.readWebhooks(r), cfg.readPush(r), cfg.readCallers(r))
	cfg.readApp(r)
	cfg.readMail(r)
	cfg.readStorage(r)
	cfg.readBackup(r)
	cfg.readUpgrade(r)
	cfg.readDoctor(r)
	cfg.readProtect(r)
	cfg.readLimits(r)
	cfg.readSuperuser(r)
	cfg.findHealth()
	cfg.options = r.Options()
	return cfg, errors.Join(r.Err(), errors.Join(problems...),
		cfg.changes.Validate(), cfg.jobs.Validate(), cfg.webhooks.Validate(), cfg.push.Validate(), cfg.backup.Validate(), cfg.limits.Validate(), cfg.protect.Validate(), cfg.log.Validate(), cfg.observe.Validate(), cfg.health.Validate(), cfg.shutdown.Validate(), cfg.guard.Validate(), cfg.settings.Validate(), cfg.upgrade.Validate(), cfg.doctor.Validate())
}

// givenFlags parses the command line as far as it concerns the configuration:
// plugins want to know before cobra finds out which command it is.
func givenFlags(args []string) func(name string) (value string, set bool) {
	flags := pflag.NewFlagSet("", pflag.ContinueOnError)
	flags.Usage = func() {} // cobra parses again, and reports what is wrong
	flags.ParseErrorsAllowlist.UnknownFlags = true
	flags.String("dir", "", "")
	flags.Bool("dev", false, "")
	flags.String("encryptionEnv", "", "")
	flags.Int("queryTimeout", 0, "")
	flags.String("http", "", "")
	flags.String("https", "", "")
	flags.StringSlice("origins", nil, "")
	addPublicDirFlag(flags)
	addDemoFlag(flags)
	_ = flags.Parse(args)

	return func(name string) (string, bool) {
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
	}
}

func addPublicDirFlag(flags *pflag.FlagSet) {
	flags.String("publicDir", "", "serve the web app from this directory instead of the one in the binary")
}

func addDemoFlag(flags *pflag.FlagSet) {
	flags.Bool("demo", false, "fill an empty database with demo data and print the sign-ins")
}

// encryptionKeyName is the variable, without the prefix, that PocketBase is
// told to take the key from.
const encryptionKeyName = "ENCRYPTION_KEY"

func (cfg *config) readServer(r *env.Reader) error {
	r.Group("Server")
	cfg.dir = env.Get(r, env.Text, "DIR", "",
		"The data directory: databases, uploaded files, certificates. Unset means `pb_data` beside the binary, or in the working directory with `go run`.", env.Flag("dir"))
	cfg.httpAddr = env.Get(r, env.Text, "HTTP_ADDR", "",
		"Where to listen for HTTP. Unset means 127.0.0.1:8090, or 0.0.0.0:80 when `serve` is given domains.", env.Flag("http"))
	cfg.httpsAddr = env.Get(r, env.Text, "HTTPS_ADDR", "",
		"Where to listen for HTTPS, with certificates from Let's Encrypt. Unset means not at all, or 0.0.0.0:443 when `serve` is given domains.", env.Flag("https"))
	cfg.demo = env.Get(r, env.Bool, "DEMO", false,
		"Fills an empty database with demo data when the server starts, and prints the sign-ins.", env.Flag("demo"))
	cfg.demoPublic = env.Get(r, env.Bool, "DEMO_PUBLIC", false,
		"Serves the demo data where other machines reach it, too: on a public address or behind a trusted proxy. Everybody knows its passwords.")
	cfg.dev = env.Get(r, env.Bool, "DEV", false,
		"Prints every SQL statement and PocketBase's own log to the terminal.", env.Flag("dev"))
	cfg.queryTimeout = env.Get(r, env.Duration, "QUERY_TIMEOUT", core.DefaultQueryTimeout,
		"How long a SELECT may take, in whole seconds.", env.Flag("queryTimeout"))
	var problems []error
	if t := cfg.queryTimeout; t < time.Second || t%time.Second != 0 {
		// PocketBase would cut it, and take its default for 0
		problems = append(problems, fmt.Errorf("%sQUERY_TIMEOUT: it must be whole seconds, 1s or more, got %s", envPrefix, t))
	}
	cfg.encryptionKey = env.Get(r, env.Text, encryptionKeyName, "",
		"32 characters. Encrypts the settings in the database, which hold the secrets of SMTP and S3, and the secrets of webhooks. Who loses it loses these.", env.Secret())
	if n := len(cfg.encryptionKey); n != 0 && n != 32 {
		problems = append(problems, fmt.Errorf("%s%s: it must have 32 characters, got %d", envPrefix, encryptionKeyName, n))
	}
	return errors.Join(problems...)
}

func (cfg *config) readHTTP(r *env.Reader) error {
	r.Group("Browsers")
	cfg.guard.Origins = env.Get(r, env.List, "CORS_ORIGINS", nil,
		"The origins that browsers may call the API from, such as https://app.example.com or https://*.example.com. Unset means all of them.", env.Flag("origins"))
	cfg.guard.ContentSecurityPolicy = env.Get(r, env.Text, "CSP", httpguard.DefaultPolicy,
		"The content security policy of pages. `none` sends none. The API and the dashboard have their own.")
	cfg.guard.PermissionsPolicy = env.Get(r, env.Text, "PERMISSIONS_POLICY", httpguard.DefaultPermissions,
		"Which features of the browser pages may use. `none` says nothing.")
	cfg.guard.HSTSMaxAge = orOff(env.Get(r, env.Duration, "HSTS_MAX_AGE", 180*24*time.Hour,
		"How long browsers insist on HTTPS after a visit by HTTPS. 0 does not ask for it."))
	dir := env.Get(r, env.Text, "PUBLIC_DIR", "",
		"Serves the web app from this directory instead of the one in the binary.", env.Flag("publicDir"))
	if dir == "" {
		web, err := fs.Sub(publicFiles, "pb_public")
		cfg.guard.Public = web
		return err
	}
	if info, err := os.Stat(dir); err != nil || !info.IsDir() {
		return fmt.Errorf("%sPUBLIC_DIR: %s is not a directory", envPrefix, dir)
	}
	cfg.guard.Public = os.DirFS(dir)
	return nil
}

// orOff maps 0, which people write for off, to what the plugins take for it.
func orOff[T int64 | time.Duration](value T) T {
	if value == 0 {
		return -1
	}
	return value
}

func (cfg *config) readLog(r *env.Reader) error {
	r.Group("Log")
	cfg.log.Format = env.Get(r, env.OneOf("auto", requestlog.FormatJSON, requestlog.FormatText), "LOG_FORMAT", "auto",
		"How lines look on standard output. `auto` is text on a terminal and JSON elsewhere.")
	if cfg.log.Format == "auto" {
		cfg.log.Format = requestlog.FormatJSON
		if isTerminal(os.Stdout) {
			cfg.log.Format = requestlog.FormatText
		}
	}
	level := env.Get(r, env.OneOf("debug", "info", "warn", "error"), "LOG_LEVEL", "info",
		"The lowest level on standard output. Requests are info, those that end in 500 or more are errors.")
	cfg.log.SkipPaths = env.Get(r, env.List, "LOG_SKIP", []string{"/api/health", health.LivePath, health.ReadyPath},
		"Paths without a line as long as they succeed. One that ends in a slash stands for all below it.")
	r.Group("Log in the dashboard")
	cfg.settings.LogDays = env.Find(r, env.Int, "LOG_DAYS", "How many days PocketBase keeps its own log, which the dashboard shows. 0 keeps none, and saves a write for each request.")
	cfg.settings.LogIP = env.Find(r, env.Bool, "LOG_IP", "Whether lines hold the addresses of clients, in both logs.")
	return cfg.log.Level.UnmarshalText([]byte(level))
}

// isTerminal reports whether a person looks at f.
func isTerminal(f *os.File) bool {
	info, err := f.Stat()
	return err == nil && info.Mode()&os.ModeCharDevice != 0
}

func (cfg *config) readLife(r *env.Reader) {
	r.Group("Health and shutdown")
	cfg.health.MinFreeBytes = orOff(env.Get(r, env.Size, "HEALTH_MIN_FREE", 256<<20,
		"The server is not ready with less space than this on the data directory's file system. 0 does not check."))
	cfg.health.Address = env.Get(r, env.Text, "HEALTH_URL", "",
		"Where `holdall health` asks, such as https://app.example.com. Unset means this machine: the address of HTTPS_ADDR by the name in APP_URL if both are set, else the address of HTTP_ADDR.")
	cfg.shutdown.Timeout = notDefault(env.Get(r, env.Duration, "SHUTDOWN_TIMEOUT", 15*time.Second,
		"How long requests may take to finish after the server is told to stop."))
	cfg.shutdown.Delay = env.Get(r, env.Duration, "SHUTDOWN_DELAY", 0,
		"How long the server goes on after it is told to stop, while it already reports not to be ready. For load balancers that are slow to notice.")
}

func (cfg *config) readMetrics(r *env.Reader) {
	r.Group("Metrics")
	cfg.observeOff = !env.Get(r, env.Bool, "METRICS", true,
		"Whether the server measures itself: `GET /metrics` in Prometheus' format, for superusers and for those with the token.")
	cfg.observe.Token = env.Get(r, env.Text, "METRICS_TOKEN", "",
		"Whoever sends this as a bearer token may read the metrics. At least 16 characters.", env.Secret())
	cfg.observe.Addr = env.Get(r, env.Text, "METRICS_ADDR", "",
		"Another address that has nothing but the metrics, such as 127.0.0.1:9091. It asks for the token if there is one, and for nothing otherwise.")
	cfg.observe.SlowQuery = orOff(env.Get(r, env.Duration, "SLOW_QUERY", 200*time.Millisecond,
		"From which duration on a query is logged, with how SQLite goes about it and without its values. 0 logs none."))
}

func (cfg *config) readTraces(r *env.Reader) error {
	r.Group("Traces")
	t := &cfg.traces
	t.URL = env.Get(r, env.Text, "TRACES_URL", "",
		"The address of an OpenTelemetry collector that takes OTLP by HTTP, such as http://127.0.0.1:4318. Unset records no traces.")
	t.Ratio = env.Get(r, env.Share, "TRACES_RATIO", 0.01,
		"Which share of requests is recorded, with the jobs and webhooks that follow from them.")
	t.TrustParent = env.Get(r, env.Bool, "TRACES_TRUST_PARENT", false,
		"Whether the sender of a `traceparent` header decides if its request is recorded. For a server behind a proxy that writes the header.")
	headers := env.Get(r, env.List, "TRACES_HEADERS", nil,
		"What is sent to the collector with each request, such as Authorization=Bearer abc.", env.Secret())
	t.Service = env.Get(r, env.Text, "TRACES_SERVICE", "holdall", "What traces call the program.")
	t.Instance = env.Get(r, env.Text, "TRACES_INSTANCE", "",
		"What traces call this process. Unset means the name of the machine and the number of the process.")
	if cfg.tracesOff = t.URL == ""; cfg.tracesOff {
		return nil
	}
	t.Version = version
	var problems []error
	if cfg.observeOff {
		problems = append(problems, fmt.Errorf("%sTRACES_URL: it needs %[1]sMETRICS, which is off", envPrefix))
	}
	t.Headers = map[string]string{}
	for i, header := range headers {
		name, value, ok := strings.Cut(header, "=")
		if !ok {
			problems = append(problems, fmt.Errorf("%sTRACES_HEADERS: entry %d is not like name=value", envPrefix, i+1))
		}
		t.Headers[strings.TrimSpace(name)] = strings.TrimSpace(value)
	}
	return errors.Join(append(problems, t.Validate())...)
}

// findHealth says where the health command asks, unless HEALTH_URL does.
func (cfg *config) findHealth() {
	if cfg.health.Address != "" {
		return
	}
	cfg.health.Address = cfg.httpAddr
	if cfg.httpsAddr == "" || cfg.settings.AppURL == nil {
		return
	}
	// HTTP is sent on to HTTPS, which has certificates for its domains only
	if address, err := url.Parse(*cfg.settings.AppURL); err == nil && strings.Contains(address.Hostname(), ".") {
		cfg.health.Address, cfg.health.ServerName = cfg.httpsAddr, address.Hostname()
	}
}

func (cfg *config) readAPI(r *env.Reader) {
	r.Group("Description of the API")
	cfg.api.Private = env.Get(r, env.Bool, "API_PRIVATE", false,
		"Tells of the API only whoever has signed in. Guests get 401 from `/api/openapi.json`.")
	page := env.Get(r, env.OneOf("scalar", "swagger-ui", "off"), "API_PAGE", "scalar",
		"What draws the page at `/api/docs`.")
	cfg.api.NoDocs = page == "off"
	if page == "swagger-ui" {
		cfg.api.UI = openapi.SwaggerUI
	}
}

func (cfg *config) readChanges(r *env.Reader) {
	r.Group("Change log and realtime")
	cfg.changesOff = !env.Get(r, env.Bool, "CHANGES", true,
		"Keeps an ordered log of every change in the database. What follows the data needs it. When it is switched on again after a while, all records count as changed.")
	cfg.changes.TombstoneRetention = notDefault(env.Get(r, env.Duration, "CHANGES_TOMBSTONE_RETENTION", 30*24*time.Hour,
		"How long deletions are remembered, at least an hour. Who was away for longer compares what it holds with what there is."))
	cfg.changes.HistoryRetention = notDefault(env.Get(r, env.Duration, "CHANGES_HISTORY_RETENTION", 7*24*time.Hour,
		"How long rows of the full log are kept once their consumers have read them, at least a minute."))

	cfg.realtimeOff = !env.Get(r, env.Bool, "REALTIME", true,
		"Serves realtime from the change log: in order, without holding up writes, and able to resume. Off, or without the change log, it is PocketBase's own.")
	cfg.realtime.Retention = notDefault(env.Get(r, env.Duration, "REALTIME_RETENTION", 7*24*time.Hour,
		"How long a client may be away and still be sent what it missed, at least a minute."))
}

func (cfg *config) readJobs(r *env.Reader) {
	r.Group("Jobs")
	cfg.jobs.EnqueueOnly = !env.Get(r, env.Bool, "JOBS_WORK", true,
		"Runs jobs in this process. Off leaves them to other processes on the same database.")
	cfg.jobs.Queues = map[string]int{jobs.DefaultQueue: env.Get(r, env.Int, "JOBS_CONCURRENCY", 10,
		"How many jobs of the default queue run at the same time, 1 to 1000.")}
	cfg.jobs.StopTimeout = orOff(env.Get(r, env.Duration, "JOBS_STOP_TIMEOUT", 5*time.Second,
		"How long jobs may go on when the server stops. Then they go back to their queue."))
	cfg.jobs.KeepDone = notDefault(env.Get(r, env.Duration, "JOBS_KEEP_DONE", 24*time.Hour,
		"How long done and cancelled jobs are kept, at least a minute."))
	cfg.jobs.KeepDead = notDefault(env.Get(r, env.Duration, "JOBS_KEEP_DEAD", 30*24*time.Hour,
		"How long dead jobs and the history of schedules are kept, at least a minute."))
}

func (cfg *config) readWebhooks(r *env.Reader) error {
	r.Group("Webhooks")
	wanted := env.Find(r, env.Bool, "WEBHOOKS",
		"Sends changes to the endpoints in the collection _webhooks, and takes orders from ERP systems. Unset means on with the change log, which it needs, and off without.")
	networks := env.Get(r, env.List, "WEBHOOKS_ALLOW", nil,
		"Networks that endpoints may be in besides the public internet, such as 10.1.2.3/32. Whoever may add endpoints reaches all that is in them.")
	cfg.webhooks.AllowHTTP = env.Get(r, env.Bool, "WEBHOOKS_ALLOW_HTTP", false,
		"Accepts endpoints without TLS. Everybody on the way reads what is sent to them.")
	if len(cfg.encryptionKey) == 32 { // else it is reported already
		cfg.webhooks.EncryptionKey = cfg.encryptionKey
	}

	var problems []error
	cfg.webhooksOff = cfg.changesOff
	if wanted != nil {
		cfg.webhooksOff = !*wanted
		if *wanted && cfg.changesOff {
			problems = append(problems, fmt.Errorf("%sWEBHOOKS: it needs the change log, which %[1]sCHANGES switches off", envPrefix))
		}
	}
	allowed, err := parseNetworks("WEBHOOKS_ALLOW", networks)
	cfg.webhooks.Allow = allowed
	return errors.Join(append(problems, err)...)
}

// parseNetworks reads the list of networks in a variable.
func parseNetworks(name string, texts []string) ([]netip.Prefix, error) {
	var networks []netip.Prefix
	var problems []error
	for _, text := range texts {
		network, err := netip.ParsePrefix(text)
		if err != nil {
			problems = append(problems, fmt.Errorf("%s%s: %q is no network such as 10.1.2.3/32", envPrefix, name, text))
			continue
		}
		networks = append(networks, network.Masked())
	}
	return networks, errors.Join(problems...)
}

func (cfg *config) readPush(r *env.Reader) error {
	r.Group("Push notifications")
	cfg.pushOff = !env.Get(r, env.Bool, "PUSH", true,
		"Lets browsers and apps register for notifications, and tells technicians of their orders. The latter needs the change log.")
	contact := env.Get(r, env.Text, "PUSH_CONTACT", "",
		"Where push services of browsers reach you: a mailto: or https: address. Unset means the sender of mails.")
	cfg.push.WebPush = &webpush.Config{Subject: contact}
	account := env.Get(r, env.Text, "PUSH_FCM_SERVICE_ACCOUNT", "",
		"The JSON key of a service account of Firebase, for Android apps. Unset sends none to them.", env.Secret())
	if account != "" {
		cfg.push.FCM = &fcm.Config{ServiceAccount: account}
	}
	key := env.Get(r, env.Text, "PUSH_APNS_KEY", "",
		"The content of the .p8 file of an APNs key, for iOS apps. Unset sends none to them.", env.Secret())
	keyID := env.Get(r, env.Text, "PUSH_APNS_KEY_ID", "", "The ten characters that name the APNs key.")
	team := env.Get(r, env.Text, "PUSH_APNS_TEAM_ID", "", "The ten characters of the team that the APNs key is of.")
	topic := env.Get(r, env.Text, "PUSH_APNS_TOPIC", "", "The bundle identifier of the iOS app.")
	if key != "" || keyID != "" || team != "" || topic != "" {
		cfg.push.APNs = &apns.Config{PrivateKey: key, KeyID: keyID, TeamID: team, Topic: topic}
	}
	networks := env.Get(r, env.List, "PUSH_ALLOW", nil,
		"Networks that the push services of browsers may be in besides the public internet, such as 10.1.2.3/32. Every user reaches all that is in them.")
	if len(cfg.encryptionKey) == 32 { // else it is reported already
		cfg.push.EncryptionKey = cfg.encryptionKey
	}
	allowed, err := parseNetworks("PUSH_ALLOW", networks)
	cfg.push.Allow = allowed
	return err
}

func (cfg *config) readApp(r *env.Reader) {
	r.Group("App")
	s := &cfg.settings
	s.AppName = env.Find(r, env.Text, "APP_NAME", "The name in mails and in the dashboard.")
	s.AppURL = env.Find(r, env.Text, "APP_URL", "The address in mails, such as https://app.example.com.")
	s.HideControls = env.Find(r, env.Bool, "HIDE_CONTROLS", "Hides what changes collections in the dashboard.")
	s.SuperuserIPs = env.Get(r, env.List, "SUPERUSER_IPS", nil, "The addresses and subnets that superusers may come from.")
	s.TrustedProxyHeaders = env.Get(r, env.List, "TRUSTED_PROXY_HEADERS", nil,
		"The headers that your reverse proxy writes the client's address to, such as X-Forwarded-For. Without a proxy, leave it: clients could write them.")
	s.TrustedProxyLeftmost = env.Find(r, env.Bool, "TRUSTED_PROXY_LEFTMOST",
		"Takes the first address of such a header, not the last. Only for a proxy that replaces the header.")
}

// notDefault keeps a plugin from taking 0, which somebody wrote, for its default.
func notDefault(d time.Duration) time.Duration {
	if d == 0 {
		return 1
	}
	return d
}
