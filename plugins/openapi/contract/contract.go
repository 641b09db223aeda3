// Package contract compares APIs with what was promised of them: two OpenAPI
// documents with each other, and a design with the backend that runs.
//
//	changes, err := contract.Diff(before, after)
//	report, err := contract.Conform(ctx, design, "http://127.0.0.1:8090", contract.Options{})
//
// [AddCommands] adds both to the command line, below "openapi". See
// docs/contract.md.
package contract

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"os"
	"os/signal"
	"regexp"
	"slices"
	"strings"
	"time"

	"github.com/spf13/cobra"
)

// Config are the options of the commands. The zero value works.
type Config struct {
	// Document returns the document of the program as it is, for a diff with it. With
	// migrate it applies the migrations first; without, it fails if there are some to
	// apply, as the document would lack what they bring.
	// Defaults to none: both documents have to be given.
	Document func(ctx context.Context, migrate bool) ([]byte, error)
	// Environ is the environment of a program that is started to be checked, as
	// "NAME=value", beside a home and a place for temporary files of its own.
	// Defaults to nothing, so that no mail server and no bucket is known to it.
	Environ []string
	// Start starts a backend to be checked, with arguments for its "serve".
	// Defaults to [StartProgram] with the running program.
	Start func(ctx context.Context, arguments []string) (*Server, error)
}

// exitError is an error with the exit code that it should lead to.
type exitError struct {
	error
	code int
}

// ExitCode is for the program to exit with.
func (e exitError) ExitCode() int { return e.code }

// Unwrap returns the error.
func (e exitError) Unwrap() error { return e.error }

// wrong is a mistake of whoever typed the command or wrote a file.
func wrong(err error) error { return exitError{err, 2} }

// AddCommands adds the commands diff and conform to a command, which is
// "openapi". Their errors have a method ExitCode: 1 if something was found, 2 if
// the check could not be made.
func AddCommands(parent *cobra.Command, config Config) {
	parent.AddCommand(diffCommand(config), conformCommand(config))
}

func diffCommand(config Config) *cobra.Command {
	var asJSON, migrate bool
	var failOn string
	c := &cobra.Command{
		Use:   "diff OLD [NEW]",
		Short: "Name what has changed between two OpenAPI documents, and what breaks clients",
		Long: "Compares two documents, JSON or YAML; - is standard input. Without NEW it is this program's, as a superuser sees it.\n" +
			"Exits 1 if there is what --fail-on names, 2 if a document cannot be read.",
		Example:      "  openapi diff docs/openapi.json\n  git show v1.2:docs/openapi.json | holdall openapi diff - docs/openapi.json",
		Args:         cobra.RangeArgs(1, 2),
		SilenceUsage: true,
		RunE: func(c *cobra.Command, args []string) error {
			if !slices.Contains([]string{"breaking", "unversioned", "any", "none"}, failOn) {
				return wrong(fmt.Errorf("--fail-on can be breaking, unversioned, any or none, got %q", failOn))
			}
			changes, err := diffOf(c, config, args, migrate)
			if err != nil {
				return wrong(err)
			}
			write := changes.WriteText
			if asJSON {
				write = changes.WriteJSON
			}
			if err := write(c.OutOrStdout()); err != nil {
				return err
			}
			all := len(changes.Breaking) + len(changes.Doubtful) + len(changes.Others)
			switch {
			case failOn == "unversioned" && changes.NewVersion != "":
			case failOn != "none" && len(changes.Breaking) > 0:
				return exitError{fmt.Errorf("breaking changes: %d", len(changes.Breaking)), 1}
			case failOn == "any" && all > 0:
				return exitError{fmt.Errorf("changes: %d", all), 1}
			}
			return nil
		},
	}
	c.Flags().BoolVar(&asJSON, "json", false, "print JSON")
	c.Flags().StringVar(&failOn, "fail-on", "breaking", "exit 1 on breaking changes, on those without a later dated version (unversioned), on any, or on none")
	if config.Document != nil {
		c.Flags().BoolVar(&migrate, "migrate", false, "without NEW: apply the migrations first, as serve does")
	}
	return c
}

func diffOf(c *cobra.Command, config Config, args []string, migrate bool) (*Changes, error) {
	older, err := readFile(c, args[0])
	if err != nil {
		return nil, err
	}
	var newer []byte
	switch {
	case len(args) == 2 && args[0] == "-" && args[1] == "-":
		return nil, errors.New("only one of the documents can come from standard input")
	case len(args) == 2:
		newer, err = readFile(c, args[1])
	case config.Document == nil:
		return nil, errors.New("this program has no document: name both")
	default:
		newer, err = config.Document(c.Context(), migrate)
	}
	if err != nil {
		return nil, err
	}
	return Diff(older, newer)
}

// maxFile bounds what is read of a document.
const maxFile = 64 << 20

// readFile reads a file, or standard input for "-".
func readFile(c *cobra.Command, name string) ([]byte, error) {
	source := c.InOrStdin()
	if name != "-" {
		file, err := os.Open(name) //nolint:gosec // whoever runs the command names it
		if err != nil {
			return nil, err
		}
		defer file.Close()
		source = file
	}
	content, err := io.ReadAll(io.LimitReader(source, maxFile))
	if err != nil {
		return nil, fmt.Errorf("read %s: %w", name, err)
	}
	return content, nil
}

// flags are those of conform.
type flags struct {
	url, as, setup, only, skip, own string
	headers, serve                  []string
	write, readOnly, asJSON, notes  bool
	options                         Options
}

func conformCommand(config Config) *cobra.Command {
	var f flags
	c := &cobra.Command{
		Use:   "conform SPEC",
		Short: "Check that a backend is what a design document says",
		Long: "Holds this program, or the backend at --url, to a design: an OpenAPI document, 3.0 or 3.1, JSON or YAML.\n" +
			"Each operation has to be there, the backend's own document has to fit, and calls made from the design have to be\n" +
			"answered as it says. Without --url, this program is started with its data in a temporary directory. A backend at\n" +
			"--url is only read from, unless --write is given.\n" +
			"Exits 1 if something is not as designed, 2 if the check could not be made.",
		Example: "  openapi conform design.yaml --setup setup.json\n" +
			"  openapi conform design.yaml --url http://127.0.0.1:3000 --header \"Authorization: Bearer $TOKEN\"",
		Args:         cobra.ExactArgs(1),
		SilenceUsage: true,
		RunE: func(c *cobra.Command, args []string) error {
			ctx, stop := signal.NotifyContext(c.Context(), os.Interrupt)
			defer stop()
			report, err := conform(ctx, c, config, f, args[0])
			if err != nil {
				return wrong(err)
			}
			if f.asJSON {
				err = report.WriteJSON(c.OutOrStdout())
			} else {
				err = report.WriteText(c.OutOrStdout(), f.notes)
			}
			if err == nil && report.Failed() {
				return exitError{errors.New("the backend is not what the design says"), 1}
			}
			return err
		},
	}
	set := c.Flags()
	set.StringVar(&f.url, "url", "", "check the backend there, instead of one that is started for it")
	set.BoolVar(&f.write, "write", false, "with --url: send calls that change data, too")
	set.BoolVar(&f.readOnly, "read-only", false, "send nothing but GET and HEAD")
	set.BoolVar(&f.options.AllowRemote, "allow-remote", false, "let --url be another machine")
	set.StringArrayVar(&f.headers, "header", nil, "send it with each call that is not a guest's (\"Name: value\", can be repeated)")
	set.StringVar(&f.as, "as", "", "superuser: sign in as one, in a backend that is started")
	set.StringVar(&f.setup, "setup", "", "a JSON file of requests to send first, such as to sign in")
	set.StringVar(&f.own, "document", "", "the backend's own document: a file, or none (default: what it serves at /api/openapi.json)")
	set.StringArrayVar(&f.serve, "serve", nil, "an argument for serve of the backend that is started, such as --demo (can be repeated)")
	set.StringVar(&f.only, "only", "", "call only the operations that match this pattern, such as ^GET")
	set.StringVar(&f.skip, "skip", "", "do not call the operations that match this pattern")
	set.StringArrayVar(&f.options.Without, "without", nil, "do not send this optional parameter (can be repeated)")
	set.Uint64Var(&f.options.Seed, "seed", 1, "the calls are made from it: the same ones by the same seed")
	set.IntVar(&f.options.Calls, "calls", 20, "about how many calls of each operation")
	set.DurationVar(&f.options.Timeout, "timeout", 10*time.Minute, "stop after this time")
	set.BoolVar(&f.asJSON, "json", false, "print JSON")
	set.BoolVar(&f.notes, "notes", false, "print the notes, too: on limits that the design is silent about")
	return c
}

// conform makes the check that the flags ask for.
func conform(ctx context.Context, c *cobra.Command, config Config, f flags, spec string) (*Report, error) {
	source, err := readFile(c, spec)
	if err != nil {
		return nil, err
	}
	design, err := ParseDocument(source)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", spec, err)
	}
	options, err := f.read(c)
	if err != nil {
		return nil, err
	}
	options.Progress = func(message string) { fmt.Fprintln(c.ErrOrStderr(), "conform:", message) }

	target, superuser := f.url, ""
	if target == "" {
		start := config.Start
		if start == nil {
			start = config.startThis
		}
		server, err := start(ctx, f.serve)
		if err != nil {
			return nil, err
		}
		defer func() {
			if err := server.Stop(); err != nil {
				fmt.Fprintln(c.ErrOrStderr(), "conform:", err)
			}
		}()
		target, superuser = server.URL, server.Superuser
		options.Shown = "$URL"
		options.Variables = map[string]string{"superuser": superuser}
	}
	if f.as == "superuser" && options.Header.Get("Authorization") == "" {
		options.Header.Set("Authorization", superuser)
	}
	if err := f.readOwn(ctx, c, target, superuser, &options); err != nil {
		return nil, err
	}
	return Conform(ctx, design, target, options)
}

// startThis runs this program.
func (c Config) startThis(ctx context.Context, arguments []string) (*Server, error) {
	program, err := os.Executable()
	if err != nil {
		return nil, fmt.Errorf("find this program: %w", err)
	}
	return StartProgram(ctx, program, c.Environ, arguments)
}

// read makes options of the flags.
func (f flags) read(c *cobra.Command) (Options, error) {
	options := f.options
	options.Header = http.Header{}
	options.ReadOnly = f.readOnly || f.url != "" && !f.write
	switch {
	case f.readOnly && f.write:
		return options, errors.New("--read-only and --write exclude each other")
	case f.write && f.url == "":
		return options, errors.New("--write is for --url: a backend that is started is written to anyway")
	case f.url != "" && (f.as != "" || len(f.serve) > 0):
		return options, errors.New("--as and --serve are for a backend that is started, not for --url")
	case f.as != "" && f.as != "superuser":
		return options, fmt.Errorf("--as can be superuser, got %q; everybody else signs in by --setup or --header", f.as)
	}
	for _, line := range f.headers {
		name, value, ok := strings.Cut(line, ":")
		if !ok {
			return options, fmt.Errorf("a header is \"Name: value\", got %q", line)
		}
		options.Header.Add(strings.TrimSpace(name), strings.TrimSpace(value))
	}
	for _, p := range []struct {
		flag, text string
		target     **regexp.Regexp
	}{{"only", f.only, &options.Only}, {"skip", f.skip, &options.Skip}} {
		if p.text == "" {
			continue
		}
		compiled, err := regexp.Compile(p.text)
		if err != nil {
			return options, fmt.Errorf("--%s: %w", p.flag, err)
		}
		*p.target = compiled
	}
	if f.setup != "" {
		source, err := readFile(c, f.setup)
		if err != nil {
			return options, err
		}
		if options.Setup, err = ParseSetup(source); err != nil {
			return options, fmt.Errorf("%s: %w", f.setup, err)
		}
	}
	return options, options.Validate()
}

// readOwn gets the backend's own document, if there is one.
func (f flags) readOwn(ctx context.Context, c *cobra.Command, target, superuser string, options *Options) error {
	switch f.own {
	case "none":
		return nil
	case "":
	default:
		own, err := readFile(c, f.own)
		options.Own = own
		return err
	}
	u, err := url.Parse(target)
	if err != nil {
		return fmt.Errorf("the address of the backend: %w", err)
	}
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, u.Scheme+"://"+u.Host+"/api/openapi.json", nil)
	if err != nil {
		return fmt.Errorf("the address of the backend: %w", err)
	}
	request.Header = options.Header.Clone()
	if token := cmp.Or(superuser, request.Header.Get("Authorization")); token != "" {
		request.Header.Set("Authorization", token)
	}
	client := newClient(options.AllowRemote)
	defer client.CloseIdleConnections()
	response, err := client.Do(request)
	if err != nil {
		return fmt.Errorf("ask the backend for its document: %w", err)
	}
	defer response.Body.Close()
	body, err := io.ReadAll(io.LimitReader(response.Body, maxFile))
	if err != nil {
		return fmt.Errorf("read the backend's document: %w", err)
	}
	if response.StatusCode == http.StatusOK && isJSON(response.Header.Get("Content-Type")) {
		options.Own = body
	}
	return nil
}
