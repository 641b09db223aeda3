package realtime_test

import (
	"errors"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/pocketbase/pocketbase/core"
	"github.com/pocketbase/pocketbase/tools/types"

	"github.com/holdall-go/holdall/plugins/realtime"
)

func TestSlowFilterHoldsNobodyUpAndIsClosed(t *testing.T) {
	t.Parallel()
	app, address, plugin, _ := serveBoth(t, realtime.Config{})
	group := create(t, app, "groups", map[string]any{"name": "g"})
	err := app.RunInTransaction(func(tx core.App) error {
		for range 250 {
			create(t, tx, "posts", map[string]any{"title": "t", "group": group.Id})
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	slow, quick := connect(t, address, ""), connect(t, address, "")
	quick.subscribe("", "people/*")
	// one level after the other, none of which SQLite can leave out
	back := "posts_via_group."
	far := back + "title ?= 'a' || " + back + "group." + back + "title ?= 'b' || " +
		back + "group." + back + "group." + back + "title ?= 'c' || id = 'd'"
	slow.subscribe("", options("groups/*", map[string]string{"filter": far}))

	for _, name := range []string{"1", "2", "3", "4", "5"} {
		save(t, app, group, map[string]any{"name": name})
	}
	create(t, app, "people", map[string]any{"email": "ann@example.com", "password": "1234567890"})
	quick.wait(func(f frame) bool { return f.payload().Action == "create" })
	closing := slow.wait(func(f frame) bool { return f.event == "PB_CLOSE" })
	if !strings.Contains(closing.data, `"slow_filter"`) {
		t.Errorf("got %s, want the code slow_filter", closing.data)
	}
	slow.waitEnd()
	// three of its deadlines, however late they are noticed, and not of those of rules
	if spent := plugin.SpentOnFilters(); spent > 15*time.Second {
		t.Errorf("all others waited for %v", spent)
	}

	// who comes back with it costs nothing
	again := connect(t, address, "")
	again.subscribe("", slow.topic)
	save(t, app, group, map[string]any{"name": "6"})
	again.wait(func(f frame) bool { return f.event == "PB_CLOSE" })
}

// memberRule is a rule that only SQL can evaluate.
const memberRule = "group.members.id ?= @request.auth.id"

func TestPassingErrorsCostNoEvent(t *testing.T) {
	t.Parallel()
	app, address, plugin, _ := serveBoth(t, realtime.Config{})
	setRules(t, app, "posts", types.Pointer(memberRule))
	ann, token := person(t, app, "ann", "")
	group := create(t, app, "groups", map[string]any{"name": "g", "members": []string{ann.Id}})
	s := connect(t, address, "")
	s.subscribe(token, "posts/*")
	var failed atomic.Bool
	plugin.Fail(func() error {
		if failed.CompareAndSwap(false, true) {
			return errors.New("disk I/O error")
		}
		return nil
	})
	create(t, app, "posts", map[string]any{"title": "told", "group": group.Id})
	s.record("create", "told")
	if !failed.Load() {
		t.Error("nothing failed")
	}
}

func TestLastingErrorsResetClientsThatResumeAndEndOthers(t *testing.T) {
	t.Parallel()
	app, address, plugin, _ := serveBoth(t, realtime.Config{})
	setRules(t, app, "posts", types.Pointer(memberRule))
	_, token := person(t, app, "ann", "")
	s := connect(t, address, "?resume=true")
	s.subscribe(token, "posts/*", "groups/*")
	plain, elsewhere := connect(t, address, ""), connect(t, address, "")
	plain.subscribe(token, "posts/*")
	elsewhere.subscribe(token, "groups/*")
	plugin.Fail(func() error { return errors.New("disk I/O error") })
	create(t, app, "posts", map[string]any{"title": "lost"})
	s.wait(func(f frame) bool { return f.event == "posts/*" && f.payload().Action == "reset" })
	closing := plain.wait(func(f frame) bool { return f.event == "PB_CLOSE" })
	if !strings.Contains(closing.data, `"lost_events"`) {
		t.Errorf("got %s, want the code lost_events", closing.data)
	}
	plain.waitEnd()
	create(t, app, "groups", map[string]any{"name": "told"})
	for _, spared := range []*stream{s, elsewhere} {
		spared.wait(func(f frame) bool { return f.payload().Record["name"] == "told" })
	}
}

func TestFilterThatNeverWorksResetsNobody(t *testing.T) {
	t.Parallel()
	app, address, _, _ := serveBoth(t, realtime.Config{})
	s := connect(t, address, "?resume=true")
	s.subscribe("", options("posts/*", map[string]string{"filter": "nothing = 1"}), "groups/*")
	create(t, app, "posts", map[string]any{"title": "x"})
	create(t, app, "groups", map[string]any{"name": "told"})
	s.wait(func(f frame) bool { return f.payload().Record["name"] == "told" })
	if got := s.events(); len(got) != 1 {
		t.Errorf("got %v, want the group only", got)
	}
}

func TestPanicOfAHookIsForWhomItIs(t *testing.T) {
	t.Parallel()
	app, address, _, _ := serveBoth(t, realtime.Config{})
	ann, token := person(t, app, "ann", "")
	app.OnRecordEnrich("posts").BindFunc(func(e *core.RecordEnrichEvent) error {
		if e.RequestInfo.Auth != nil && e.RequestInfo.Auth.Id == ann.Id {
			panic("of the app")
		}
		return e.Next()
	})
	hit, spared := connect(t, address, "?resume=true"), connect(t, address, "")
	hit.subscribe(token, "posts/*")
	spared.subscribe("", "posts/*")
	create(t, app, "posts", map[string]any{"title": "told"})
	spared.record("create", "told")
	hit.wait(func(f frame) bool { return f.payload().Action == "reset" })
	if got := hit.events(); slices.Contains(got, "create told") {
		t.Errorf("got %v, want no event", got)
	}
}
