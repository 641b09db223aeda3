package contract

import (
	"cmp"
	"encoding/json"
	"fmt"
	"io"
	"regexp"
	"strings"
	"time"

	"github.com/getkin/kin-openapi/openapi3"
	"github.com/oasdiff/oasdiff/checker"
	"github.com/oasdiff/oasdiff/diff"
	"github.com/oasdiff/oasdiff/load"
)

// Change is one difference between two documents.
type Change struct {
	// ID names the kind of change: "response-required-property-removed".
	ID string `json:"id"`
	// Operation is what it is about, such as "GET /api/parcels/{id}". It is ""
	// for a change of the whole.
	Operation string `json:"operation,omitempty"`
	// What has changed, and where.
	What string `json:"what"`
	// Why clients break by it, "" if they do not.
	Why string `json:"why,omitempty"`
	// Component is the schema that it is in, "" if it is in that of one operation.
	Component string `json:"component,omitempty"`
	// Also are other operations that come across the component.
	Also []string `json:"also,omitempty"`

	place string // in the component
}

// Changes are the differences between two documents.
type Changes struct {
	// Breaking changes stop a client from working that was right before.
	Breaking []Change `json:"breaking"`
	// Doubtful changes may stop some.
	Doubtful []Change `json:"doubtful"`
	// Others stop none.
	Others []Change `json:"others"`
	// NewVersion is the version of the newer document if that is a later date than
	// the version of the older one, which is a date as well. "" if it is not.
	NewVersion string `json:"newVersion,omitempty"`
}

// harder are changes that the checks take for doubtful. Here a member or a
// parameter that is not known is refused, or dropped without a word.
var harder = map[string]checker.Level{
	checker.RequestPropertyRemovedId:  checker.ERR,
	checker.RequestParameterRemovedId: checker.ERR,
}

// Diff compares two OpenAPI documents, in JSON or YAML. It fails on one that
// cannot be read, or that refers to other files.
func Diff(older, newer []byte) (*Changes, error) {
	before, err := loadSpec("old", older)
	if err != nil {
		return nil, err
	}
	after, err := loadSpec("new", newer)
	if err != nil {
		return nil, err
	}
	found, sources, err := diff.GetWithOperationsSourcesMap(diff.NewConfig(), before, after)
	if err != nil {
		return nil, fmt.Errorf("compare the documents: %w", err)
	}
	config := checker.NewConfig(checker.GetAllChecks(), checker.WithSeverityLevels(harder))
	changes := &Changes{Breaking: []Change{}, Doubtful: []Change{}, Others: []Change{}, NewVersion: laterDate(before, after)}
	localizer := checker.NewDefaultLocalizer()
	from := origin{}
	for _, source := range [][]byte{older, newer} {
		if root, err := decode(source); err == nil {
			from.roots = append(from.roots, root)
		}
	}
	for _, c := range checker.CheckBackwardCompatibilityUntilLevel(config, found, sources, checker.INFO) {
		change := Change{ID: c.GetId(), Operation: strings.TrimSpace(c.GetOperation() + " " + c.GetPath()), What: c.GetUncolorizedText(localizer)}
		change.Component, change.place = from.component(c)
		switch c.GetLevel() {
		case checker.ERR:
			change.Why = reason(change.ID)
			changes.Breaking = append(changes.Breaking, change)
		case checker.WARN:
			change.Why = reason(change.ID)
			changes.Doubtful = append(changes.Doubtful, change)
		default:
			changes.Others = append(changes.Others, change)
		}
	}
	changes.Breaking, changes.Doubtful, changes.Others = gather(changes.Breaking), gather(changes.Doubtful), gather(changes.Others)
	return changes, nil
}

// laterDate is the version of the second document if both are dates and it is the
// later one.
func laterDate(before, after *load.SpecInfo) string {
	older, newer := before.Spec.Info, after.Spec.Info
	if older == nil || newer == nil || older.Version >= newer.Version {
		return ""
	}
	for _, version := range []string{older.Version, newer.Version} {
		if _, err := time.Parse(time.DateOnly, version); err != nil {
			return ""
		}
	}
	return newer.Version
}

func loadSpec(which string, source []byte) (*load.SpecInfo, error) {
	loader := openapi3.NewLoader() // which reads no other files
	doc, err := loader.LoadFromData(source)
	if err != nil {
		return nil, fmt.Errorf("read the %s document: %w", which, err)
	}
	if doc.OpenAPI == "" || doc.Paths == nil {
		return nil, fmt.Errorf("read the %s document: it is not one of OpenAPI 3", which)
	}
	return &load.SpecInfo{Url: which, Spec: doc}, nil
}

// reasons say why a change breaks clients, by the name of the change. The first
// that matches counts.
var reasons = []struct {
	pattern *regexp.Regexp
	why     string
}{
	{regexp.MustCompile(`^api-.*removed|^path-removed`), "Clients that call it get 404."},
	{regexp.MustCompile(`security`), "Clients that sign in as before, or not at all, may be refused."},
	{regexp.MustCompile(`^response-.*(property-removed|optional-property-removed)`), "Clients that read it find nothing there."},
	{regexp.MustCompile(`^response-.*(became-optional|became-nullable|min-)`), "Clients that count on the value may find none, or less."},
	{regexp.MustCompile(`^response-.*(enum-value-added|one-of-added|any-of-added)`), "Clients that know the values of before meet one that they do not."},
	{regexp.MustCompile(`^response-.*(status|media-type).*removed|^response-success`), "Clients that wait for it never get it."},
	{regexp.MustCompile(`^response-.*(type|format|pattern|const)`), "Clients that read it as what it was before fail, or take it for something else."},
	{regexp.MustCompile(`^response-`), "Clients that read the answer as before may fail."},
	{regexp.MustCompile(`^(new-required-request|request-.*became-required|request-.*required-)|added-required-request`), "Requests without it, which were right before, are refused."},
	{regexp.MustCompile(`^request-.*removed`), "Requests that have it are refused, or it is dropped without a word."},
	{regexp.MustCompile(`^request-.*(type|format)`), "Requests with what it was before are refused."},
	{regexp.MustCompile(`^request-`), "Requests that were right before may be refused."},
}

func reason(id string) string {
	for _, r := range reasons {
		if r.pattern.MatchString(id) {
			return r.why
		}
	}
	return "Clients that were right before may fail."
}

// others says in how many operations a component is besides.
func others(also []string) string {
	switch len(also) {
	case 0:
		return ""
	case 1:
		return ", as well of " + also[0]
	}
	return fmt.Sprintf(", as well of %d other operations, such as %s", len(also), also[0])
}

// WriteText writes the changes for people, the breaking ones first.
func (c *Changes) WriteText(w io.Writer) error {
	for _, part := range []struct {
		title string
		list  []Change
	}{
		{"Breaking", c.Breaking}, {"May break some clients", c.Doubtful}, {"Does not break", c.Others},
	} {
		if len(part.list) == 0 {
			continue
		}
		fmt.Fprintf(w, "%s (%d)\n", part.title, len(part.list))
		last := "\x00"
		for _, change := range part.list {
			if change.Operation != last {
				fmt.Fprintf(w, "  %s\n", cmp.Or(change.Operation, "the whole"))
				last = change.Operation
			}
			fmt.Fprintf(w, "    %s\n", change.What)
			if change.Why != "" {
				fmt.Fprintf(w, "      %s\n", change.Why)
			}
			if change.Component != "" {
				fmt.Fprintf(w, "      It is in %s%s.\n", change.Component, others(change.Also))
			}
		}
		fmt.Fprintln(w)
	}
	if c.NewVersion != "" {
		fmt.Fprintf(w, "The newer document is of the version %s.\n", c.NewVersion)
	}
	_, err := fmt.Fprintf(w, "%d breaking, %d doubtful, %d other changes\n", len(c.Breaking), len(c.Doubtful), len(c.Others))
	return err
}

// WriteJSON writes the changes for programs.
func (c *Changes) WriteJSON(w io.Writer) error {
	encoder := json.NewEncoder(w)
	encoder.SetIndent("", "  ")
	encoder.SetEscapeHTML(false)
	return encoder.Encode(c)
}
