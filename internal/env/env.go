// Package env reads typed options from flags and environment variables, and
// remembers all of them, with where each value came from, and every problem.
//
//	r := env.New("APP_", os.Environ(), flags)
//	timeout := env.Get(r, env.Duration, "TIMEOUT", 15*time.Second, "How long a request may take.")
//	password := env.Get(r, env.Text, "PASSWORD", "", "The mail server's password.", env.Secret())
//	if err := r.Err(); err != nil { ... } // all problems at once, one line each
//
// A flag wins over a variable, a variable over the default. An empty variable
// counts as one that is not set, since that is what a template of a container
// file leaves behind. A secret may also come from a file: PASSWORD_FILE names it.
package env

import (
	"errors"
	"fmt"
	"os"
	"regexp"
	"slices"
	"strings"
)

// The sources of a value, as [Option] reports them.
const (
	FromDefault = "default"
	FromEnv     = "env"
	FromFile    = "file"
	FromFlag    = "flag"
)

// Option is one option that was read.
type Option struct {
	// Name is the variable's whole name, such as HOLDALL_HTTP_ADDR.
	Name string `json:"name"`
	// Flag is the name of the flag that sets the same option, "" if there is none.
	Flag string `json:"flag,omitempty"`
	// Group is the heading under which the option belongs.
	Group string `json:"group"`
	// Kind says what is accepted, such as "duration".
	Kind string `json:"kind"`
	// Default is the value when nothing is given, "" if that means unset.
	Default string `json:"default"`
	// Value is the effective value, "[redacted]" for a secret that is set.
	Value string `json:"value"`
	// Source is where Value came from: default, env, file or flag.
	Source string `json:"source"`
	// Doc is one sentence or a few.
	Doc string `json:"doc"`
	// Secret options are not shown, and accept NAME_FILE.
	Secret bool `json:"secret,omitempty"`
}

// Reader reads options. It is not safe for concurrent use.
type Reader struct {
	prefix   string
	vars     map[string]string
	flags    func(name string) (value string, set bool)
	group    string
	options  []Option
	problems []error
}

// New returns a reader of the variables in environ ("KEY=value") whose names
// start with prefix. flags answers for the flags that were given on the command
// line; nil stands for none.
func New(prefix string, environ []string, flags func(name string) (value string, set bool)) *Reader {
	r := &Reader{prefix: prefix, vars: map[string]string{}, flags: flags}
	for _, entry := range environ {
		name, value, _ := strings.Cut(entry, "=")
		if strings.HasPrefix(name, prefix) && value != "" {
			r.vars[name] = value
		}
	}
	return r
}

// Group puts the options that are read from here on under a heading.
func (r *Reader) Group(name string) { r.group = name }

// Options returns what was read so far, in order.
func (r *Reader) Options() []Option { return slices.Clone(r.options) }

// Modifier changes how an option is read.
type Modifier func(*Option)

// Flag lets the flag of that name set the option too.
func Flag(name string) Modifier { return func(o *Option) { o.Flag = name } }

// Secret hides the value and accepts it from the file that NAME_FILE names.
func Secret() Modifier { return func(o *Option) { o.Secret = true } }

// Get reads an option that has a default. The name is without the prefix. A
// value that cannot be parsed is a problem that [Reader.Err] reports, and the
// default is returned.
func Get[T any](r *Reader, kind Kind[T], name string, def T, doc string, modifiers ...Modifier) T {
	if value := read(r, kind, name, kind.format(def), doc, modifiers); value != nil {
		return *value
	}
	return def
}

// Find reads an option that may be absent, which nil stands for.
func Find[T any](r *Reader, kind Kind[T], name, doc string, modifiers ...Modifier) *T {
	return read(r, kind, name, "", doc, modifiers)
}

func read[T any](r *Reader, kind Kind[T], name, def, doc string, modifiers []Modifier) *T {
	o := Option{
		Name: r.prefix + name, Group: r.group, Kind: kind.name,
		Default: def, Value: def, Source: FromDefault, Doc: doc,
	}
	for _, modify := range modifiers {
		modify(&o)
	}
	value := lookup(r, kind, &o)
	r.options = append(r.options, o)
	return value
}

// lookup finds and parses the option's value and notes it in o.
func lookup[T any](r *Reader, kind Kind[T], o *Option) *T {
	raw, source, label := r.raw(o)
	if source == FromDefault {
		return nil
	}
	value, err := kind.parse(raw)
	if err != nil {
		shown := fmt.Sprintf("%q", raw)
		if o.Secret {
			shown = "the value"
		}
		r.problem("%s: %s is not %s", label, shown, kind.want)
		return nil
	}
	o.Source, o.Value = source, kind.format(value)
	if o.Secret {
		o.Value = "[redacted]"
	}
	return &value
}

// raw returns the text that was given for o, its source, and what to call that
// source in a message.
func (r *Reader) raw(o *Option) (value, source, label string) {
	if o.Flag != "" && r.flags != nil {
		if value, set := r.flags(o.Flag); set {
			return value, FromFlag, "--" + o.Flag
		}
	}
	value, inEnv := r.vars[o.Name]
	path, inFile := r.vars[o.Name+"_FILE"]
	switch {
	case o.Secret && inEnv && inFile:
		r.problem("%s and %s_FILE are both set, which of them holds is not clear", o.Name, o.Name)
	case inEnv:
		return value, FromEnv, o.Name
	case o.Secret && inFile:
		content, err := os.ReadFile(path)
		if err != nil {
			r.problem("%s_FILE: %v", o.Name, err)
			break
		}
		if value := strings.TrimRight(string(content), "\r\n"); value != "" {
			return value, FromFile, o.Name + "_FILE"
		}
		r.problem("%s_FILE: %s is empty", o.Name, path)
	}
	return "", FromDefault, ""
}

func (r *Reader) problem(format string, args ...any) {
	r.problems = append(r.problems, fmt.Errorf(format, args...))
}

// foreign matches the variables that Kubernetes and Docker set for a service
// that bears the program's name. They are nobody's typing mistake.
var foreign = regexp.MustCompile(`^(SERVICE_(HOST|PORT)(_.*)?|PORT(_\d+_(TCP|UDP)(_.*)?)?)$`)

// Err returns every problem, variables with the prefix that no option bears
// included, joined with [errors.Join]; nil if there is none. Call it last.
func (r *Reader) Err() error {
	problems := slices.Clone(r.problems)
	known := map[string]bool{}
	for _, o := range r.options {
		known[o.Name] = true
		if o.Secret {
			known[o.Name+"_FILE"] = true
		}
	}
	var unknown []string
	for name := range r.vars {
		if !known[name] && !foreign.MatchString(strings.TrimPrefix(name, r.prefix)) {
			unknown = append(unknown, name)
		}
	}
	slices.Sort(unknown)
	for _, name := range unknown {
		message := name + ": there is no such option"
		if nearest := closest(name, known); nearest != "" {
			message += ", did you mean " + nearest + "?"
		}
		problems = append(problems, errors.New(message))
	}
	return errors.Join(problems...)
}
