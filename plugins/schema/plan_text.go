package schema

import (
	"fmt"
	"io"
	"slices"
	"strconv"
	"strings"

	"github.com/pocketbase/pocketbase/core"
)

// Nothing is what [Plan.Write] prints when there is no difference.
const Nothing = "The database matches the definitions."

// String is the plan as [Plan.Write] prints it without colour.
func (p *Plan) String() string {
	var b strings.Builder
	_ = p.Write(&b, false) // a Builder does not fail
	return b.String()
}

// Write prints the plan for people. colour adds ANSI colours for a terminal.
func (p *Plan) Write(out io.Writer, colour bool) error {
	w := &planWriter{colour: colour}
	if p.Empty() {
		w.line(Nothing)
	}
	for i, c := range p.Collections {
		if i > 0 {
			w.line("")
		}
		w.collection(c)
	}
	if !p.Empty() {
		w.summary(p)
	}
	if len(p.Unmanaged) > 0 {
		w.line("")
		w.line("Not defined, so left alone: %s.", strings.Join(p.Unmanaged, ", "))
	}
	_, err := io.WriteString(out, w.b.String())
	return err
}

// planWriter prints a plan.
type planWriter struct {
	b      strings.Builder
	colour bool
}

// The colours of a plan.
const (
	green  = "\x1b[32m"
	red    = "\x1b[31m"
	yellow = "\x1b[33m"
	bold   = "\x1b[1m"
)

func (w *planWriter) line(format string, args ...any) {
	fmt.Fprintf(&w.b, format+"\n", args...)
}

func (w *planWriter) paint(colour, text string) string {
	if !w.colour || text == "" {
		return text
	}
	return colour + text + "\x1b[0m"
}

// sign is the mark of an action in its colour.
func (w *planWriter) sign(a Action) string {
	switch a {
	case Add:
		return w.paint(green, "+")
	case Drop, Retype:
		return w.paint(red, "-")
	default:
		return w.paint(yellow, "~")
	}
}

// stake is the warning behind a change.
func (w *planWriter) stake(s *Stake) string {
	if s == nil {
		return ""
	}
	return w.paint(red, "  ! "+s.Effect)
}

func (w *planWriter) collection(c CollectionChange) {
	name := w.paint(bold, c.Name)
	switch {
	case c.Action == Add:
		w.line("%s %s (new %s collection)", w.sign(Add), name, c.Type)
	case c.Action == Drop:
		w.line("%s %s (dropped)%s", w.sign(Drop), name, w.stake(c.Stake))
	case c.Was != "":
		w.line("%s %s (renamed from %s)", w.sign(Update), name, c.Was)
	default:
		w.line("%s %s", w.sign(Update), name)
	}
	for _, change := range c.Changes {
		if c.Action == Add && change.Subject == SubjectRule {
			change.Action = Add
		}
		w.change(change)
	}
}

func (w *planWriter) change(c Change) {
	lead := fmt.Sprintf("  %s %-6s ", w.sign(c.Action), c.Subject)
	stake := w.stake(c.Stake)
	switch c.Subject {
	case SubjectField:
		w.line("%s%s%s", lead, w.field(c), stake)
	case SubjectOrder:
		w.line("%s%s", lead, strings.Join(c.Values[0].New.([]string), ", "))
	case SubjectIndex:
		w.line("%s%s%s", lead, c.Name, stake)
		w.oldAndNew(c.Values[0].Old, c.Values[0].New, func(v any) string { return oneLine(v.(string)) })
	case SubjectRule:
		w.line("%s%s", lead, c.Name)
		w.rule(c)
	case SubjectOption:
		w.option(lead, c)
	}
}

// rule prints a changed rule. Long ones are compared condition by condition; the
// rules of a new collection have no past.
func (w *planWriter) rule(c Change) {
	old, next := ruleText(c.Values[0].Old), ruleText(c.Values[0].New)
	if c.Action == Add {
		w.oldAndNew(nil, next, func(v any) string { return v.(string) })
		return
	}
	w.texts(old, next)
}

// texts prints an old and a new text, of those with several lines only what
// differs.
func (w *planWriter) texts(old, next string) {
	if !strings.Contains(old, "\n") || !strings.Contains(next, "\n") {
		w.oldAndNew(old, next, func(v any) string { return v.(string) })
		return
	}
	for line := range strings.Lines(diffLines(old+"\n", next+"\n")) {
		text := strings.TrimSuffix(line, "\n")
		w.line("      %s", w.diffLine(text[:1]+" "+text[1:], true))
	}
}

// field is a changed field in one line.
func (w *planWriter) field(c Change) string {
	switch c.Action {
	case Add:
		return c.Name + " (" + describeField(c.to) + ")"
	case Drop:
		return c.Name + " (" + c.Type + ")"
	case Rename:
		return c.Was + " -> " + c.Name + " (renamed)"
	default:
		return c.Name + ": " + showValues(c.Values)
	}
}

// describeField is the type of a field with what stands out.
func describeField(f core.Field) string {
	text := f.Type()
	if requires(f) {
		text += ", required"
	}
	if isMultiple(f) {
		text += fmt.Sprintf(", up to %d", maxSelect(f))
	}
	return text
}

// option prints a changed option, with values that have lines of their own when
// they are long.
func (w *planWriter) option(lead string, c Change) {
	old, next := showValue(c.Values[0].Old), showValue(c.Values[0].New)
	if len(old)+len(next) <= 60 {
		w.line("%s%s: %s -> %s", lead, c.Name, old, next)
		return
	}
	w.line("%s%s", lead, c.Name)
	w.texts(old, next)
}

// oldAndNew prints two values below each other, without one that is nil.
func (w *planWriter) oldAndNew(old, next any, show func(any) string) {
	for _, side := range []struct {
		sign, colour string
		value        any
	}{{"-", red, old}, {"+", green, next}} {
		if side.value == nil {
			continue
		}
		for text := range strings.SplitSeq(show(side.value), "\n") {
			w.line("      %s", w.paint(side.colour, side.sign+" "+strings.TrimSpace(text)))
		}
	}
}

func (w *planWriter) summary(p *Plan) {
	n := map[Action]int64{}
	for _, c := range p.Collections {
		n[c.Action]++
	}
	var parts []string
	for _, part := range []struct {
		action Action
		verb   string
	}{{Add, "to add"}, {Update, "to change"}, {Drop, "to drop"}} {
		if n[part.action] > 0 {
			parts = append(parts, count(n[part.action], "collection")+" "+part.verb)
		}
	}
	w.line("")
	w.line("%s.", strings.Join(parts, ", "))
	if risks := len(p.Risks()); risks > 0 {
		text := count(int64(risks), "change") + " " + verb(int64(risks), "puts", "put") +
			" data at stake, marked with \"!\": a migration needs --allow-data-loss."
		w.line("%s", w.paint(red, text))
	}
}

// ruleText is a rule for people, a long one with a condition a line.
func ruleText(rule any) string {
	text, _ := rule.(string)
	switch {
	case rule == nil:
		return "locked"
	case text == "":
		return "public"
	}
	pieces := conditions(text, 0, len(text), joints(text))
	for i, piece := range pieces {
		pieces[i] = strings.TrimSpace(piece)
	}
	return strings.Join(pieces, "\n")
}

// oneLine is text without line breaks and repeated spaces.
func oneLine(text string) string { return strings.Join(strings.Fields(text), " ") }

// showValues is changed options in a line: "max 200 -> 300, required false -> true".
func showValues(values []Value) string {
	parts := make([]string, len(values))
	for i, v := range values {
		old, oldIsList := v.Old.([]any)
		next, nextIsList := v.New.([]any)
		if (oldIsList || v.Old == nil) && (nextIsList || v.New == nil) && (oldIsList || nextIsList) {
			parts[i] = v.Name + " " + showLists(old, next)
			continue
		}
		parts[i] = v.Name + " " + showValue(v.Old) + " -> " + showValue(v.New)
	}
	return strings.Join(parts, ", ")
}

// showLists is what a list loses and gains, or the whole of both when only the
// order differs.
func showLists(old, next []any) string {
	var parts []string
	for _, item := range old {
		if !slices.Contains(next, item) {
			parts = append(parts, "-"+showValue(item))
		}
	}
	for _, item := range next {
		if !slices.Contains(old, item) {
			parts = append(parts, "+"+showValue(item))
		}
	}
	if len(parts) == 0 {
		return showValue(old) + " -> " + showValue(next)
	}
	return strings.Join(parts, " ")
}

// showValue is a value for people.
func showValue(v any) string {
	switch v := v.(type) {
	case nil:
		return "none"
	case float64:
		return strconv.FormatFloat(v, 'f', -1, 64)
	case string:
		if v == "" {
			return "none"
		}
		return v
	case []any:
		items := make([]string, len(v))
		for i, item := range v {
			items[i] = showValue(item)
		}
		return "[" + strings.Join(items, ", ") + "]"
	case []core.OAuth2ProviderConfig:
		return showProviders(v)
	default:
		return fmt.Sprint(v)
	}
}

// showProviders is the OAuth2 providers with their client ids.
func showProviders(providers []core.OAuth2ProviderConfig) string {
	if len(providers) == 0 {
		return "none"
	}
	items := make([]string, len(providers))
	for i, p := range providers {
		items[i] = p.Name + " (" + p.ClientId + ")"
	}
	return strings.Join(items, ", ")
}
