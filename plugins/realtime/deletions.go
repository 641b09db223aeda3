package realtime

import (
	"context"
	"sync"

	"github.com/pocketbase/pocketbase/core"
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

// maxDeletions bounds what is held of deletions that were never committed.
const maxDeletions = 10000

func (d *deletions) put(collection, record string, found *deletion) {
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.known == nil || len(d.known) >= maxDeletions {
		d.known = map[callerKey]*deletion{}
	}
	d.known[callerKey{collection, record}] = found
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
