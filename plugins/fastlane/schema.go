package fastlane

import (
	"strings"
	"sync"

	"github.com/pocketbase/pocketbase/core"
)

// schema is PocketBase's cache of collections at one time, and what was compiled
// from it. PocketBase replaces the whole cache when a collection changes, and knows
// of no other changes either.
type schema struct {
	collections []*core.Collection
	verified    bool   // a rule speaks of whether the caller is verified
	joined      Reason // why a path through relations cannot be followed, for any list rule on it

	mu    sync.RWMutex
	plans map[planKey]*plan
}

func newSchema(collections []*core.Collection) *schema {
	s := &schema{collections: collections, plans: map[planKey]*plan{}}
	for _, c := range collections {
		list := useOf(c.ListRule)
		if s.joined == "" {
			s.joined = list.problem
			if list.times && s.joined == "" {
				s.joined = ReasonTime // PocketBase writes it into the query
			}
		}
		s.verified = s.verified || list.verified
		for _, rule := range []*string{c.ViewRule, c.CreateRule, c.UpdateRule, c.DeleteRule} {
			s.verified = s.verified || useOf(rule).verified
		}
	}
	return s
}

// find is PocketBase's FindCachedCollectionByNameOrId.
func (s *schema) find(nameOrID string) *core.Collection {
	for _, c := range s.collections {
		if strings.EqualFold(c.Name, nameOrID) || c.Id == nameOrID {
			return c
		}
	}
	return nil
}

// isOf tells whether the schema was made from this very cache.
func (s *schema) isOf(collections []*core.Collection) bool {
	return s != nil && len(collections) == len(s.collections) && &collections[0] == &s.collections[0]
}

// plan returns the plan of a key, which compile makes if there is none yet. Keys
// are what clients make them, so that not more than limit are kept.
func (s *schema) plan(key planKey, limit int, compile func() *plan) *plan {
	s.mu.RLock()
	kept := s.plans[key]
	s.mu.RUnlock()
	if kept != nil {
		return kept
	}
	made := compile()
	s.mu.Lock()
	defer s.mu.Unlock()
	for other := range s.plans {
		if len(s.plans) < limit {
			break
		}
		delete(s.plans, other)
	}
	s.plans[key] = made
	return made
}

// current returns the schema of PocketBase's cache as it is now, nil before there
// is one.
func (p *Plugin) current(app core.App) *schema {
	collections, _ := app.Store().Get(core.StoreKeyCachedCollections).([]*core.Collection)
	if len(collections) == 0 {
		return nil
	}
	kept := p.schema.Load()
	if kept.isOf(collections) || kept != nil && p.ablation.stalePlans {
		return kept
	}
	made := newSchema(collections)
	p.schema.Store(made)
	return made
}
