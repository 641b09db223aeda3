// Package doctor looks at an app as an experienced operator would, and says what to
// do about what it finds.
//
//	doctor.MustRegister(app, doctor.Config{RootCmd: app.RootCmd})
//
// It looks at settings, rules, queries, databases, files, certificates and the disk.
// It only reads: the command "doctor" works beside a running server, and without one.
// For superusers there are GET /api/doctor and a page in the dashboard. Other parts
// of the program bring what they know by [Config.Checks].
package doctor

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"regexp"
	"runtime/debug"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/pocketbase/pocketbase/core"
	"github.com/pocketbase/pocketbase/tools/hook"
	"github.com/spf13/cobra"
)

// Config says what is checked besides what every app has. The zero value is that.
type Config struct {
	// Checks are those of other parts of the program. Their findings come after those
	// of this package.
	Checks []Check

	// Settings, if set, changes the settings of the database to what they will be
	// after the next start, for programs that have them in their configuration.
	Settings func(s *core.Settings)

	// Options says by which option of the program a setting is set, by the Where of the
	// findings about it, such as "settings.meta.appURL". Their Where is the option then.
	Options map[string]string

	// SignUps are the auth collections in which everybody is meant to create an account.
	SignUps []string

	// Sorts are what clients sort the lists of a collection by, such as
	// "-scheduledStart", by collection. Defaults to "-created" where there is such a
	// field.
	Sorts map[string][]string

	// Large is from how many rows on it matters that a query reads all of a table.
	// Defaults to 5000.
	Large int64

	// Ignore are findings that are as they should be: a code, such as
	// "rules.public-create", or a code and where it was found, such as
	// "rules.public-create@messages.createRule".
	Ignore []string

	// CheckTimeout bounds how long one check may take. Defaults to 30s.
	CheckTimeout time.Duration

	// Version is the program's, for the report. Defaults to none.
	Version string

	// RootCmd, if set, gains the command "doctor".
	RootCmd *cobra.Command
}

// Severity is how bad a finding is.
type Severity string

// The severities. An error is something that harms or will harm; a warning is
// something that does under circumstances which are likely; a note is good to know.
const (
	Error   Severity = "error"
	Warning Severity = "warning"
	Note    Severity = "note"
)

// Enum are the severities as texts.
func (Severity) Enum() []string { return []string{string(Error), string(Warning), string(Note)} }

var severities = []Severity{Error, Warning, Note}

// Finding is something that is not as it should be.
type Finding struct {
	// Code names the kind of finding and stays the same: "rules.public-update".
	Code     string   `json:"code"`
	Severity Severity `json:"severity"`
	// Where is what it is about, such as "notes.updateRule", an option or a file. It is
	// empty if that is the program as a whole.
	Where string `json:"where" doc:"What it is about: a rule, an option, a file. Empty if that is the server as a whole."`
	// Problem is a sentence about what is wrong, Remedy one about what to do.
	Problem string `json:"problem" doc:"What is wrong."`
	Remedy  string `json:"remedy" doc:"What to do about it."`
}

// Check finds what is wrong in one respect.
type Check struct {
	// Code is what the codes of its findings begin with, before a dot: "rules".
	Code string
	// Title is the heading above its findings: "Rules".
	Title string
	// Run looks. It only reads, also where app could write, and returns soon after ctx
	// is done. The app has the data directory of the program, and is not the program's
	// own app where there is no server. An error means that it could not look.
	Run func(ctx context.Context, app core.App) ([]Finding, error)
}

// Report is what all checks have found.
type Report struct {
	At time.Time `json:"at"`
	// Versions are those of the parts of the program, by name.
	Versions map[string]string `json:"versions" doc:"The versions of the parts of the program, by name."`
	Findings []Finding         `json:"findings" doc:"In the order of the checks, and the worst first in each."`
	Checks   []CheckReport     `json:"checks"`
	Errors   int               `json:"errors"`
	Warnings int               `json:"warnings"`
	Notes    int               `json:"notes"`
	// Ignored counts the findings that the configuration says are as they should be.
	Ignored int     `json:"ignored" doc:"How many findings the configuration says are as they should be."`
	Seconds float64 `json:"seconds" doc:"How long it took."`
}

// CheckReport is how one check went.
type CheckReport struct {
	Code     string `json:"code"`
	Title    string `json:"title"`
	Findings int    `json:"findings"`
}

func (c Config) withDefaults() Config {
	if c.Large == 0 {
		c.Large = 5000
	}
	if c.CheckTimeout == 0 {
		c.CheckTimeout = 30 * time.Second
	}
	return c
}

var (
	checkCode   = regexp.MustCompile(`^[a-z]+$`)
	findingCode = regexp.MustCompile(`^[a-z]+(\.[a-z-]+)?(@.+)?$`)
)

// Validate reports everything that is wrong with the config.
func (c Config) Validate() error {
	c = c.withDefaults()
	var problems []error
	seen := map[string]bool{}
	for _, check := range builtIn(c) {
		seen[check.Code] = true
	}
	for _, check := range c.Checks {
		switch {
		case !checkCode.MatchString(check.Code):
			problems = append(problems, fmt.Errorf("doctor: a check's Code must be lower case letters, got %q", check.Code))
		case seen[check.Code]:
			problems = append(problems, fmt.Errorf("doctor: the code %q of a check is taken", check.Code))
		case check.Run == nil || check.Title == "":
			problems = append(problems, fmt.Errorf("doctor: the check %q needs a Title and a Run", check.Code))
		}
		seen[check.Code] = true
	}
	for _, code := range c.Ignore {
		if !findingCode.MatchString(code) {
			problems = append(problems, fmt.Errorf("doctor: Ignore must be codes such as rules.public-create or rules.public-create@messages.createRule, got %q", code))
		}
	}
	if c.Large < 1 {
		problems = append(problems, fmt.Errorf("doctor: Large must be 1 or more, got %d", c.Large))
	}
	if c.CheckTimeout < time.Millisecond || c.CheckTimeout > 10*time.Minute {
		problems = append(problems, fmt.Errorf("doctor: CheckTimeout must be in 1ms..10m, got %s", c.CheckTimeout))
	}
	return errors.Join(problems...)
}

// Plugin looks at one app.
type Plugin struct {
	app    core.App
	config Config
	one    sync.Mutex // a look at the whole app is enough at a time
}

// MustRegister is [Register] for main functions: it panics on an error.
func MustRegister(app core.App, config Config) *Plugin {
	p, err := Register(app, config)
	if err != nil {
		panic(err)
	}
	return p
}

// registered marks an app that has the plugin.
const registered = "holdallDoctor"

// Register lets app be looked at. It fails on an invalid config, and on an app that
// has the plugin.
func Register(app core.App, config Config) (*Plugin, error) {
	if err := config.Validate(); err != nil {
		return nil, err
	}
	if app.Store().Has(registered) {
		return nil, errors.New("doctor: the app has a doctor already")
	}
	app.Store().Set(registered, true)
	p := &Plugin{app: app, config: config.withDefaults()}
	app.OnServe().Bind(&hook.Handler[*core.ServeEvent]{
		Id: "holdallDoctorRoutes",
		Func: func(e *core.ServeEvent) error {
			p.route(e)
			return e.Next()
		},
	})
	if config.RootCmd != nil {
		config.RootCmd.AddCommand(p.command())
	}
	return p, nil
}

// builtIn are the checks that every app has.
func builtIn(c Config) []Check {
	return []Check{
		{"settings", "Settings", func(ctx context.Context, app core.App) ([]Finding, error) { return checkSettings(ctx, app, c) }},
		{"superusers", "Superusers", checkSuperusers},
		{"rules", "Rules", func(ctx context.Context, app core.App) ([]Finding, error) { return checkRules(ctx, app, c) }},
		{"queries", "Queries", func(ctx context.Context, app core.App) ([]Finding, error) { return checkQueries(ctx, app, c) }},
		{"database", "Databases", checkDatabases},
		{"disk", "Disk", checkDisk},
		{"files", "Uploaded files", checkFiles},
		{"certificates", "Certificates", checkCertificates},
		{"versions", "Versions", checkVersions},
		{"clock", "Clock", checkClock},
	}
}

// Examine runs all checks on a bootstrapped app, which they only read.
func (p *Plugin) Examine(ctx context.Context, app core.App) Report {
	p.one.Lock()
	defer p.one.Unlock()
	r := p.newReport()
	for _, check := range append(builtIn(p.config), p.config.Checks...) {
		findings := p.run(ctx, check, app)
		for i, f := range findings {
			findings[i].Where = cmp.Or(p.config.Options[f.Where], f.Where)
		}
		r.add(check, findings, p.config.Ignore)
	}
	r.Seconds = time.Since(r.At).Seconds()
	return r
}

func (p *Plugin) newReport() Report {
	return Report{At: time.Now().UTC(), Versions: p.versions(), Findings: []Finding{}, Checks: []CheckReport{}}
}

// run runs one check. One that fails or panics is a finding itself.
func (p *Plugin) run(ctx context.Context, check Check, app core.App) (findings []Finding) {
	ctx, cancel := context.WithTimeout(ctx, p.config.CheckTimeout)
	defer cancel()
	failed := func(why any) {
		remedy := "Repair what keeps it from looking, and run the doctor again."
		if ctx.Err() != nil {
			remedy = fmt.Sprintf("It has %s. Run the doctor again when the server has less to do.", p.config.CheckTimeout)
		}
		findings = append(findings, Finding{
			Code: check.Code + ".unchecked", Severity: Warning,
			Problem: fmt.Sprintf("This could not be looked at to the end: %v.", why), Remedy: remedy,
		})
	}
	defer func() {
		if r := recover(); r != nil {
			failed(r)
		}
	}()
	findings, err := check.Run(ctx, app)
	if err != nil {
		failed(err)
	}
	return findings
}

func (r *Report) add(check Check, findings []Finding, ignore []string) {
	kept := slices.DeleteFunc(slices.Clone(findings), func(f Finding) bool {
		return slices.ContainsFunc(ignore, func(code string) bool { return code == check.Code || code == f.Code || code == f.Code+"@"+f.Where })
	})
	r.Ignored += len(findings) - len(kept)
	slices.SortStableFunc(kept, func(a, b Finding) int {
		return cmp.Compare(slices.Index(severities, a.Severity), slices.Index(severities, b.Severity))
	})
	for _, f := range kept {
		switch f.Severity {
		case Error:
			r.Errors++
		case Warning:
			r.Warnings++
		default:
			r.Notes++
		}
	}
	r.Findings = append(r.Findings, kept...)
	r.Checks = append(r.Checks, CheckReport{Code: check.Code, Title: check.Title, Findings: len(kept)})
}

// parts are the modules whose versions are in a report.
var parts = map[string]string{
	"github.com/pocketbase/pocketbase": "pocketbase",
	"modernc.org/sqlite":               "sqlite",
}

func (p *Plugin) versions() map[string]string {
	versions := map[string]string{"program": cmp.Or(p.config.Version, "unknown")}
	info, ok := debug.ReadBuildInfo()
	if !ok {
		return versions
	}
	versions["go"] = info.GoVersion
	for _, m := range info.Deps {
		if name := parts[m.Path]; name != "" {
			versions[name] = strings.TrimPrefix(m.Version, "v")
		}
	}
	return versions
}
