package realtime

import (
	"context"
	"slices"
	"sync"

	"github.com/pocketbase/pocketbase/core"

	"github.com/holdall-go/holdall/plugins/changes"
)

// deletions hold what was found out about records while they were still there.
//
// Whether somebody may hear of a deletion can depend on other records, which may
// be deleted along with it. So for conditions that only SQL can evaluate, the
// question is asked when a record is about to be deleted, of the state before the
// transaction, as PocketBase does. For everything that is deleted by other ways,
// raw SQL or another process, it is asked afterwards.
type deletions struct {
	mu    sync.Mutex
	known map[callerKey]*deletion // by collection and id of the record
	order []callerKey             // of known, the oldest first, and some that are gone
	// forgotten are the collections of which something was dropped for want of room
	forgotten map[string]bool
	limit     int // instead of maxDeletions, for tests
}

// deletion are verdicts about one record.
type deletion struct {
	verdicts map[deletionKey]bool
}

type deletionKey struct {
	condition string
	trusted   bool
	options   string
	caller    callerKey
}

// maxDeletions bounds what is held of deletions that are not committed yet, or
// never will be. Then the oldest are forgotten.
const maxDeletions = 10000

func (d *deletions) put(collection, record string, found *deletion) {
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.known == nil {
		d.known = map[callerKey]*deletion{}
	}
	key := callerKey{collection, record}
	if _, again := d.known[key]; !again {
		d.order = append(d.order, key)
	}
	d.known[key] = found
	limit := maxDeletions
	if d.limit > 0 {
		limit = d.limit
	}
	for len(d.known) > limit {
		oldest := d.order[0]
		d.order = d.order[1:]
		if d.known[oldest] == nil {
			continue
		}
		delete(d.known, oldest)
		if d.forgotten == nil {
			d.forgotten = map[string]bool{}
		}
		d.forgotten[oldest.collection] = true
	}
	if len(d.order) > 2*maxDeletions || len(d.known) == 1 && len(d.order) > 1 {
		d.order = slices.DeleteFunc(d.order, func(k callerKey) bool { return d.known[k] == nil })
	}
}

// of takes what is known about the record that a change deleted, nil for other
// changes. It is for the one who follows the log: a client that resumes passes by
// the same changes and must not take what all the others are told by. It reports
// once whether something was forgotten of the collection.
func (d *deletions) of(change changes.Change) (found *deletion, forgotten bool) {
	if change.After != nil {
		return nil, false
	}
	found = d.take(change.Collection, change.Record)
	d.mu.Lock()
	defer d.mu.Unlock()
	if found == nil && d.forgotten[change.Collection] {
		delete(d.forgotten, change.Collection)
		return nil, true
	}
	return found, false
}

// take returns what is known about a record and forgets it.
func (d *deletions) take(collection, record string) *deletion {
	d.mu.Lock()
	defer d.mu.Unlock()
	key := callerKey{collection, record}
	found := d.known[key]
	delete(d.known, key)
	return found
}

// verdict reports whether the question was asked, and the answer.
func (d *deletion) verdict(g *gate, c *condition, who *caller) (bool, bool) {
	if d == nil {
		return false, false
	}
	answer, ok := d.verdicts[deletionKey{c.text, c.trusted, g.optionsKey, who.callerKey}]
	return answer, ok
}

// beforeDelete asks who may hear of the deletion of a record. It asks outside of
// the transaction that deletes it, and so of the state before.
func (p *Plugin) beforeDelete(ctx context.Context, record *core.Record) {
	collection := record.Collection()
	audiences := p.hub.lookUp(collection, record.Id, 0)
	if len(audiences) == 0 || p.ablate.deletes {
		return
	}
	found := &deletion{verdicts: map[deletionKey]bool{}}
	for _, a := range audiences {
		rule := collection.ListRule
		if a.single {
			rule = collection.ViewRule
		}
		g := p.access(collection, rule, a.spec)
		callers := make([]*caller, 0, len(a.listeners))
		seen := map[*caller]bool{}
		for _, l := range a.listeners {
			if !seen[l.caller] && !l.caller.superuser() {
				seen[l.caller] = true
				callers = append(callers, l.caller)
			}
		}
		for _, c := range []*condition{g.rule, g.filter} {
			if c == nil || c.memory != nil || g.superusersOnly || c.superusersOnly || len(callers) == 0 {
				continue
			}
			met, err := p.matching(ctx, g, c, source{id: record.Id}, callers)
			if err != nil {
				continue // asked again afterwards
			}
			for _, who := range callers {
				found.verdicts[deletionKey{c.text, c.trusted, g.optionsKey, who.callerKey}] = met[who]
			}
		}
	}
	if len(found.verdicts) > 0 {
		p.deletes.put(collection.Id, record.Id, found)
	}
}
