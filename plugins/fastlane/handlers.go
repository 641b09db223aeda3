package fastlane

import (
	"fmt"
	"slices"
	"sync"

	"github.com/pocketbase/pocketbase/apis"
	"github.com/pocketbase/pocketbase/core"
)

// counted is a hook. It tells how many handlers it has and nothing else of them.
type counted interface{ Length() int }

// writeHook is a hook that PocketBase calls when it writes a record.
type writeHook struct {
	name   string
	of     func(app core.App) counted
	during []action
}

// writeHooks are all that a write that succeeds comes by. Those that hear of failures
// are not among them, as what fails is left to PocketBase.
var writeHooks = []writeHook{
	{"OnRecordCreateRequest", func(a core.App) counted { return a.OnRecordCreateRequest() }, []action{create}},
	{"OnModelCreate", func(a core.App) counted { return a.OnModelCreate() }, []action{create}},
	{"OnRecordCreate", func(a core.App) counted { return a.OnRecordCreate() }, []action{create}},
	{"OnModelCreateExecute", func(a core.App) counted { return a.OnModelCreateExecute() }, []action{create}},
	{"OnRecordCreateExecute", func(a core.App) counted { return a.OnRecordCreateExecute() }, []action{create}},
	{"OnModelAfterCreateSuccess", func(a core.App) counted { return a.OnModelAfterCreateSuccess() }, []action{create}},
	{"OnRecordAfterCreateSuccess", func(a core.App) counted { return a.OnRecordAfterCreateSuccess() }, []action{create}},
	{"OnRecordUpdateRequest", func(a core.App) counted { return a.OnRecordUpdateRequest() }, []action{update}},
	{"OnModelUpdate", func(a core.App) counted { return a.OnModelUpdate() }, []action{update}},
	{"OnRecordUpdate", func(a core.App) counted { return a.OnRecordUpdate() }, []action{update}},
	{"OnModelUpdateExecute", func(a core.App) counted { return a.OnModelUpdateExecute() }, []action{update}},
	{"OnRecordUpdateExecute", func(a core.App) counted { return a.OnRecordUpdateExecute() }, []action{update}},
	{"OnModelAfterUpdateSuccess", func(a core.App) counted { return a.OnModelAfterUpdateSuccess() }, []action{update}},
	{"OnRecordAfterUpdateSuccess", func(a core.App) counted { return a.OnRecordAfterUpdateSuccess() }, []action{update}},
	{"OnModelValidate", func(a core.App) counted { return a.OnModelValidate() }, []action{create, update}},
	{"OnRecordValidate", func(a core.App) counted { return a.OnRecordValidate() }, []action{create, update}},
	{"OnRecordEnrich", func(a core.App) counted { return a.OnRecordEnrich() }, []action{create, update}},
	{"OnRecordDeleteRequest", func(a core.App) counted { return a.OnRecordDeleteRequest() }, []action{remove}},
	{"OnModelDelete", func(a core.App) counted { return a.OnModelDelete() }, []action{remove}},
	{"OnRecordDelete", func(a core.App) counted { return a.OnRecordDelete() }, []action{remove}},
	{"OnModelDeleteExecute", func(a core.App) counted { return a.OnModelDeleteExecute() }, []action{remove}},
	{"OnRecordDeleteExecute", func(a core.App) counted { return a.OnRecordDeleteExecute() }, []action{remove}},
	{"OnModelAfterDeleteSuccess", func(a core.App) counted { return a.OnModelAfterDeleteSuccess() }, []action{remove}},
	{"OnRecordAfterDeleteSuccess", func(a core.App) counted { return a.OnRecordAfterDeleteSuccess() }, []action{remove}},
	{"OnBatchRequest", func(a core.App) counted { return a.OnBatchRequest() }, []action{batch}},
}

// ownHandlers is how many handlers PocketBase itself has bound to each of the hooks, by
// the hook's name, before an app has a router and then. They are counted on an app that
// nobody else has seen, which is made of memory only.
var ownHandlers = sync.OnceValues(func() (own [2]map[string]int, err error) {
	app := core.NewBaseApp(core.BaseAppConfig{})
	for i := range own {
		own[i] = map[string]int{}
		for _, h := range writeHooks {
			own[i][h.name] = h.of(app).Length()
		}
		if i == 0 {
			if _, err := apis.NewRouter(app); err != nil {
				return own, fmt.Errorf("fastlane: count PocketBase's handlers: %w", err)
			}
		}
	}
	return own, nil
})

// expectation is how many handlers a hook has if nobody needs to hear of a write:
// before there is a router, and then.
type expectation struct {
	hook       counted
	bare, want int
}

// expect returns what is expected of the hooks of each action.
func expect(app core.App, known map[string]int) (expected [actions][]expectation, err error) {
	own, err := ownHandlers()
	if err != nil {
		return expected, err
	}
	for _, h := range writeHooks {
		for _, a := range h.during {
			expected[a] = append(expected[a], expectation{h.of(app), own[0][h.name] + known[h.name], own[1][h.name] + known[h.name]})
		}
	}
	return expected, nil
}

// heard tells whether a handler would hear of a write.
func (p *Plugin) heard(a action) bool {
	if p.ablation.skipHooks {
		return false
	}
	bare := p.placed.Load() == nil // and nobody can ask
	return slices.ContainsFunc(p.expected[a], func(e expectation) bool {
		if bare {
			return e.hook.Length() != e.bare
		}
		return e.hook.Length() != e.want
	})
}

// listened tells whether a client would hear of a write from PocketBase.
func (p *Plugin) listened(app core.App) bool {
	return !p.config.RealtimeFromChanges && app.SubscriptionsBroker().TotalClients() > 0
}
