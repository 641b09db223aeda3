package channels

import (
	"sync"

	"github.com/pocketbase/pocketbase/core"
	"github.com/pocketbase/pocketbase/tools/hook"
)

// changed collects what has changed since subscriptions were last checked.
type changed struct {
	wake chan struct{} // has a value when there is something

	mu     sync.Mutex
	marks  marks
	number uint64
}

// marks says what has changed.
type marks struct {
	everything  bool
	collections map[string]struct{}    // that have changed records, by id
	records     map[recordKey]struct{} // those that are known
	whole       map[string]struct{}    // collections of which any record may have changed, by id
}

// recordKey is a record, by the name of its collection.
type recordKey struct{ collection, id string }

func newChanged() changed {
	return changed{wake: make(chan struct{}, 1), marks: newMarks()}
}

func newMarks() marks {
	return marks{collections: map[string]struct{}{}, records: map[recordKey]struct{}{}, whole: map[string]struct{}{}}
}

// count is how often something has changed.
func (c *changed) count() uint64 {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.number
}

func (c *changed) mark(note func(*marks)) {
	c.mu.Lock()
	note(&c.marks)
	c.number++
	c.mu.Unlock()
	select {
	case c.wake <- struct{}{}:
	default:
	}
}

// take returns what has been collected and begins anew.
func (c *changed) take() marks {
	c.mu.Lock()
	defer c.mu.Unlock()
	taken := c.marks
	c.marks = newMarks()
	return taken
}

// maxMarkedRecords bounds what is remembered of a mass change one by one.
const maxMarkedRecords = 10_000

func (m *marks) record(r *core.Record) {
	m.collections[r.Collection().Id] = struct{}{}
	if len(m.records) >= maxMarkedRecords {
		m.whole[r.Collection().Id] = struct{}{}
		return
	}
	m.records[recordKey{r.Collection().Name, r.Id}] = struct{}{}
}

// Recheck has the subscriptions checked again that records of the collections,
// given by name or id, may decide over; with none given, or one that is not
// there (any more), all connections and subscriptions. The plugin does so by
// itself for what the app writes; this is for whoever hears of other changes,
// from a change log for instance. It returns at once.
func (p *Plugin) Recheck(collections ...string) {
	everything := len(collections) == 0
	ids := make([]string, 0, len(collections))
	for _, name := range collections {
		collection, err := p.app.FindCachedCollectionByNameOrId(name)
		if err != nil {
			everything = true
			continue
		}
		ids = append(ids, collection.Id)
	}
	p.dirty.mark(func(m *marks) {
		m.everything = m.everything || everything
		for _, id := range ids {
			m.collections[id] = struct{}{}
			m.whole[id] = struct{}{}
		}
	})
}

// bindChanges listens to what the app writes. The handlers come first, as one
// that fails keeps the others from hearing of what is committed already.
func (p *Plugin) bindChanges() {
	const first = -1000
	bindRecord := func(id string, to *hook.TaggedHook[*core.RecordEvent]) {
		to.Bind(&hook.Handler[*core.RecordEvent]{Id: id, Priority: first, Func: func(e *core.RecordEvent) error {
			if p.node.Load() != nil {
				p.dirty.mark(func(m *marks) { m.record(e.Record) })
			}
			return e.Next()
		}})
	}
	bindRecord("holdallChannelsRecordCreated", p.app.OnRecordAfterCreateSuccess())
	bindRecord("holdallChannelsRecordUpdated", p.app.OnRecordAfterUpdateSuccess())
	bindRecord("holdallChannelsRecordDeleted", p.app.OnRecordAfterDeleteSuccess())

	bindCollection := func(id string, to *hook.TaggedHook[*core.CollectionEvent]) {
		to.Bind(&hook.Handler[*core.CollectionEvent]{Id: id, Priority: first, Func: func(e *core.CollectionEvent) error {
			p.dirty.mark(func(m *marks) { m.everything = true })
			return e.Next()
		}})
	}
	bindCollection("holdallChannelsCollectionUpdated", p.app.OnCollectionAfterUpdateSuccess())
	bindCollection("holdallChannelsCollectionDeleted", p.app.OnCollectionAfterDeleteSuccess())

	p.app.OnSettingsReload().Bind(&hook.Handler[*core.SettingsReloadEvent]{
		Id: "holdallChannelsSettings",
		Func: func(e *core.SettingsReloadEvent) error {
			p.dirty.mark(func(m *marks) { m.everything = true }) // the addresses of superusers
			return e.Next()
		},
	})
}
