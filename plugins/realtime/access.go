package realtime

import (
	"context"
	"strings"
	"sync"

	"github.com/pocketbase/pocketbase/core"
	"github.com/pocketbase/pocketbase/tools/subscriptions"
)

// gate decides who gets events of a collection: a rule and a subscription's filter.
type gate struct {
	collection     *core.Collection
	superusersOnly bool
	rule, filter   *condition // nil lets everybody through
	options        subscriptions.SubscriptionOptions
	optionsKey     string // the subscription, if the rule looks at its options
}

// condition is a rule or a filter.
type condition struct {
	text string
	// trusted conditions are rules, which may look at hidden fields.
	trusted bool
	// pinned conditions can be asked about the past, see [isPinned].
	pinned bool
	// memory evaluates the condition, nil if only SQL can.
	memory *program
	// together tells that one query can evaluate it for many callers.
	together bool
	// superusersOnly filters look at what only superusers may.
	superusersOnly bool
	slow           slowness
}

// compiled are the gates that are in use.
type compiled struct {
	mu    sync.Mutex
	gates map[gateKey]*gate
}

// gateKey is all that a gate depends on. The collection is that of PocketBase's
// cache, and so another one after each change of it.
type gateKey struct {
	collection *core.Collection
	rule       string
	locked     bool
	filter     string
	options    string // the subscription, if the rule looks at it
}

// maxGates is when the gates are thrown away to be compiled anew.
const maxGates = 4096

// access returns the gate of a subscription.
func (p *Plugin) access(collection *core.Collection, rule *string, s *spec) *gate {
	key := gateKey{collection: collection, locked: rule == nil, filter: s.options.Query[filterOption]}
	if rule != nil {
		key.rule = *rule
	}
	for _, text := range []string{key.rule, key.filter} {
		if strings.Contains(text, "@request.query.") || strings.Contains(text, "@request.headers.") {
			key.options = s.raw
		}
	}
	p.rules.mu.Lock()
	defer p.rules.mu.Unlock()
	if g := p.rules.gates[key]; g != nil {
		return g
	}
	g := &gate{
		collection: collection, superusersOnly: rule == nil, options: s.options, optionsKey: key.options,
		rule: newCondition(collection, key.rule, true), filter: newCondition(collection, key.filter, false),
	}
	if p.rules.gates == nil || len(p.rules.gates) >= maxGates {
		p.rules.gates = map[gateKey]*gate{}
	}
	p.rules.gates[key] = g
	return g
}

func newCondition(collection *core.Collection, text string, trusted bool) *condition {
	if text == "" {
		return nil
	}
	c := &condition{text: text, trusted: trusted, memory: compile(collection, text, trusted), together: true, pinned: isPinned(collection, text)}
	for _, static := range []string{"@request.auth.email", "@request.auth.verified"} {
		if strings.Contains(text, static) {
			c.together = false // PocketBase writes the value into the query
		}
	}
	c.superusersOnly = !trusted && (strings.Contains(text, "@request.") || strings.Contains(text, "@collection."))
	return c
}

// verdictKey is what a set of verdicts is about.
type verdictKey struct {
	gate *gate
	row  *image
}

// allowed returns those of the callers whom the gate lets see the row. It asks
// once for each gate, row and caller.
func (p *Plugin) allowed(ctx context.Context, g *gate, ev *event, row *image, callers []*caller) map[*caller]bool {
	if ev.verdicts == nil {
		ev.verdicts = map[verdictKey]map[*caller]bool{}
	}
	known := ev.verdicts[verdictKey{g, row}]
	if known == nil {
		known = make(map[*caller]bool, len(callers))
		ev.verdicts[verdictKey{g, row}] = known
	}
	var open []*caller
	for _, who := range callers {
		if _, ok := known[who]; !ok {
			open = append(open, who)
		}
	}
	if len(open) > 0 {
		src := source{row: row, trouble: ev.troubleOf(g)}
		if ev.after == nil && row == ev.before {
			src.deleted = ev.deletion
		}
		passed := p.decide(ctx, g, src, open)
		for _, who := range open {
			known[who] = passed[who]
		}
	}
	result := make(map[*caller]bool, len(callers))
	for _, who := range callers {
		if known[who] {
			result[who] = true
		}
	}
	return result
}

// source is the row that a condition is asked about: one of the past, or the one
// that is in the table under an id.
type source struct {
	row *image
	id  string
	// deleted is what was found out before the row was deleted.
	deleted *deletion
	// trouble is where to note whom the condition could not be evaluated for.
	trouble *trouble
}

// decide returns the callers that the gate lets through.
func (p *Plugin) decide(ctx context.Context, g *gate, src source, callers []*caller) map[*caller]bool {
	passed := make(map[*caller]bool, len(callers))
	var asked []*caller
	for _, who := range callers {
		switch {
		case who.superuser(), g.rule == nil && !g.superusersOnly:
			passed[who] = true
		case !g.superusersOnly:
			asked = append(asked, who)
		}
	}
	for who := range p.meet(ctx, g, g.rule, src, asked) {
		passed[who] = true
	}
	if g.filter == nil {
		return passed
	}
	asked = asked[:0]
	for who := range passed {
		if who.superuser() || !g.filter.superusersOnly {
			asked = append(asked, who)
		}
	}
	return p.meet(ctx, g, g.filter, src, asked)
}

// meet returns the callers for whom the row meets a condition: by looking at the
// row where that is certain to give what SQL gives, and by SQL for the rest.
func (p *Plugin) meet(ctx context.Context, g *gate, c *condition, src source, callers []*caller) map[*caller]bool {
	met := make(map[*caller]bool, len(callers))
	var unsure []*caller
	for _, who := range callers {
		verdict := unknown
		if src.row != nil && c.memory != nil && !p.ablate.memory {
			p.stats.evaluations.Add(1)
			verdict = c.memory.eval(src.row, who.record.Load())
		}
		if verdict == unknown {
			if before, ok := src.deleted.verdict(g, c, who); ok {
				met[who] = before
				continue
			}
			unsure = append(unsure, who)
			continue
		}
		met[who] = verdict == yes
	}
	if len(unsure) > 0 {
		var found map[*caller]bool
		err := retried(ctx, func() (err error) {
			found, err = p.matching(ctx, g, c, src, unsure)
			return err
		})
		if err != nil {
			p.unanswered(g, c, src, unsure, err) //nolint:contextcheck // a line of the log needs none
		}
		for who := range found {
			met[who] = true
		}
	}
	for who, verdict := range met {
		if !verdict {
			delete(met, who)
		}
	}
	return met
}
