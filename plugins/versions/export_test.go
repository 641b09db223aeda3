package versions

import (
	"maps"

	"github.com/pocketbase/pocketbase/core"
)

// Flush writes the counts down as the worker does.
func Flush(p *Plugin, app core.App) error { return p.flush(app) }

// Reading returns a transformer that does the same, but reads each member of a
// record of the collections.
func Reading(t *Transformer, collections ...string) *Transformer {
	whole := *t
	whole.plans = maps.Clone(t.plans)
	for _, name := range collections {
		read := newPlan()
		if p := whole.plans[name]; p != nil {
			*read = *p
		}
		read.looksAt = nil
		whole.plans[name] = read
	}
	return &whole
}

// NewTransformer returns what leads from the oldest of the versions to the newest.
func NewTransformer(app core.App, all []Version) (*Transformer, error) {
	releases, err := arrange(all)
	if err != nil {
		return nil, err
	}
	return transformerOf(app, releases, releases[0]), nil
}

// HasProgram tells whether records of the collection are changed by a program.
func HasProgram(t *Transformer, collection string) bool {
	p := t.plans[collection]
	return p != nil && p.program != nil
}
