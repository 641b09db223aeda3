package contract

import (
	"cmp"
	"encoding/json"
	"fmt"
	"io"
	"slices"
	"strings"
	"text/tabwriter"
)

// Verdict is what became of one operation. The zero value is good.
type Verdict string

// The verdicts, the worst first.
const (
	Missing    Verdict = "missing"    // the backend does not have it
	CallFailed Verdict = "failed"     // a call was answered otherwise than the design says
	Refused    Verdict = "refused"    // no call that fits the design was accepted
	Differs    Verdict = "differs"    // the backend's own document says something else
	Untried    Verdict = "untried"    // nothing was known to fill its path with
	Skipped    Verdict = "not called" // as it was asked for
	OK         Verdict = "ok"
)

var verdicts = []Verdict{Missing, CallFailed, Refused, Differs, Untried, Skipped, OK}

// Report is what a check of a backend came to.
type Report struct {
	Design     string      `json:"design"`
	Target     string      `json:"target"`
	Seed       uint64      `json:"seed"`
	Calls      int         `json:"calls"`
	Operations []Operation `json:"operations"`
	// Notes are about the whole, such as what could not be compared.
	Notes []string `json:"notes,omitempty"`
	// Stopped says why the check ended early, "" if it did not.
	Stopped string `json:"stopped,omitempty"`
}

// Operation is what the check found out about one operation of the design.
type Operation struct {
	Method  string  `json:"method"`
	Path    string  `json:"path"`
	ID      string  `json:"id,omitempty"`
	Verdict Verdict `json:"verdict"`
	// Calls were sent, Accepted of them answered with a status below 300.
	Calls    int `json:"calls"`
	Accepted int `json:"accepted"`
	// Findings speak against the backend.
	Findings []Finding `json:"findings,omitempty"`
	// Notes are worth knowing and do not speak against it: limits that the
	// design is silent about, parameters that are taken more leniently.
	Notes []Finding `json:"notes,omitempty"`
}

// Finding is one difference.
type Finding struct {
	// Kind is the verdict that it leads to.
	Kind Verdict `json:"kind,omitempty"`
	// Where it is: "answer 200 /user/bio", "body /article/title".
	Where string `json:"where"`
	Want  string `json:"want"`
	Got   string `json:"got"`
	// Try is a line for a shell that repeats the call.
	Try string `json:"try,omitempty"`
	// Answer is how the answer to that call began.
	Answer string `json:"answer,omitempty"`
	// Times is how often it was found.
	Times int `json:"times"`
}

// Failed reports whether anything speaks against the backend.
func (r *Report) Failed() bool {
	if r.Stopped != "" {
		return true
	}
	return slices.ContainsFunc(r.Operations, func(op Operation) bool { return op.Verdict != OK && op.Verdict != Skipped })
}

// Summary is the number of operations by verdict, in a line.
func (r *Report) Summary() string {
	counts := map[Verdict]int{}
	for _, op := range r.Operations {
		counts[op.Verdict]++
	}
	parts := []string{fmt.Sprintf("%d operations", len(r.Operations))}
	for _, v := range slices.Backward(verdicts) {
		if counts[v] > 0 {
			parts = append(parts, fmt.Sprintf("%d %s", counts[v], v))
		}
	}
	return strings.Join(parts, ", ") + fmt.Sprintf(" (%d calls, seed %d)", r.Calls, r.Seed)
}

// conclude gives each operation the worst of its verdicts.
func (op *Operation) conclude() {
	if op.Verdict == "" {
		op.Verdict = OK
	}
	for _, f := range op.Findings {
		if slices.Index(verdicts, f.Kind) < slices.Index(verdicts, op.Verdict) {
			op.Verdict = f.Kind
		}
	}
	slices.SortStableFunc(op.Findings, func(a, b Finding) int {
		return cmp.Compare(slices.Index(verdicts, a.Kind), slices.Index(verdicts, b.Kind))
	})
}

// add counts a finding that is there already.
func add(list []Finding, f Finding) []Finding {
	for i, other := range list {
		if other.Kind == f.Kind && other.Where == f.Where && other.Want == f.Want {
			list[i].Times++
			return list
		}
	}
	f.Times = 1
	return append(list, f)
}

// WriteJSON writes the report for programs.
func (r *Report) WriteJSON(w io.Writer) error {
	encoder := json.NewEncoder(w)
	encoder.SetIndent("", "  ")
	encoder.SetEscapeHTML(false)
	return encoder.Encode(r)
}

// WriteText writes the report for people: a table of the operations, and what
// is wrong with those that are not as designed. With all, the notes as well.
func (r *Report) WriteText(w io.Writer, all bool) error {
	fmt.Fprintf(w, "%s against %s\n\n", cmp.Or(r.Design, "The design"), r.Target)
	table := tabwriter.NewWriter(w, 0, 0, 2, ' ', 0)
	fmt.Fprintln(table, "VERDICT\tACCEPTED\tOPERATION")
	for _, op := range r.Operations {
		fmt.Fprintf(table, "%s\t%d of %d\t%s %s\n", op.Verdict, op.Accepted, op.Calls, op.Method, op.Path)
	}
	if err := table.Flush(); err != nil {
		return err
	}
	notes := 0
	for _, op := range r.Operations {
		notes += len(op.Notes)
		if len(op.Findings) == 0 && (!all || len(op.Notes) == 0) {
			continue
		}
		fmt.Fprintf(w, "\n%s %s\n", op.Method, op.Path)
		for _, f := range op.Findings {
			f.write(w, string(f.Kind))
		}
		if all {
			for _, f := range op.Notes {
				f.write(w, "note")
			}
		}
	}
	fmt.Fprintln(w)
	for _, note := range r.Notes {
		fmt.Fprintln(w, note)
	}
	if notes > 0 && !all {
		fmt.Fprintf(w, "%d notes on what the design leaves open: --notes shows them.\n", notes)
	}
	if r.Stopped != "" {
		fmt.Fprintf(w, "Stopped early: %s\n", r.Stopped)
	}
	_, err := fmt.Fprintln(w, r.Summary())
	return err
}

func (f Finding) write(w io.Writer, label string) {
	times := ""
	if f.Times > 1 {
		times = fmt.Sprintf(" (%d times)", f.Times)
	}
	fmt.Fprintf(w, "  %s: %s%s\n    wanted %s\n    got    %s\n", label, f.Where, times, f.Want, f.Got)
	if f.Answer != "" {
		fmt.Fprintf(w, "    answer %s\n", f.Answer)
	}
	if f.Try != "" {
		fmt.Fprintf(w, "    try    %s\n", f.Try)
	}
}
