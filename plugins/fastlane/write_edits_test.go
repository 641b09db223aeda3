package fastlane_test

import (
	"errors"
	"fmt"
	"math/rand/v2"
	"testing"
	"time"

	"github.com/pocketbase/dbx"
	"github.com/pocketbase/pocketbase/core"
	"github.com/pocketbase/pocketbase/tools/hook"
	"github.com/pocketbase/pocketbase/tools/security"
	"github.com/pocketbase/pocketbase/tools/types"
)

// edit changes what writes depend on, in both apps: a rule, a field, an index, a
// trigger, a setting, a row, a token, a handler. The lane hears of it in no other way
// than PocketBase does.
func (p *twins) edit(tb testing.TB, random *rand.Rand) {
	tb.Helper()
	if p.sides[0].unbind != nil {
		for _, side := range p.sides {
			if side.unbind != nil {
				side.unbind()
				side.unbind = nil
			}
		}
		return
	}
	change := p.randomEdit(random)
	var errs [2]error // an index may not fit the rows
	for n, side := range p.sides {
		if p.skipEdits && n == 1 {
			continue
		}
		p.same.now[n][0] = time.Now()
		errs[n] = change(side)
		p.same.now[n][1] = time.Now()
	}
	if !p.skipEdits && (errs[0] == nil) != (errs[1] == nil) {
		tb.Fatalf("an edit succeeds in one app only: %v, %v", errs[0], errs[1])
	}
}

func (p *twins) randomEdit(random *rand.Rand) func(*twin) error {
	collection := fmt.Sprintf("ruled%d", random.IntN(ruledCollections))
	n := random.IntN(12)
	if p.onlyHandlers {
		n = 11
	}
	switch n {
	case 0, 1, 2:
		var of [3]*string
		for i := range of {
			of[i] = pickFrom(random, writeRules)
		}
		return func(t *twin) error {
			return t.editCollection(collection, func(c *core.Collection) { c.CreateRule, c.UpdateRule, c.DeleteRule = of[0], of[1], of[2] })
		}
	case 3:
		return p.editField(random, collection)
	case 4:
		return func(t *twin) error { return t.editCollection("hot", renameExtra) }
	case 5:
		return func(t *twin) error { return t.editCollection(collection, toggleIndex) }
	case 6:
		return p.editToken(random)
	case 7:
		id, title := recordID(random.IntN(writeRows)), pickFrom(random, odd)
		return func(t *twin) error {
			_, err := t.app.NonconcurrentDB().Update("hot", dbx.Params{"title": title}, dbx.HashExp{"id": id}).Execute()
			return err
		}
	case 8:
		requests := pickFrom(random, []int{0, 2, 4})
		return func(t *twin) error {
			before := t.app.Settings().Batch
			t.app.Settings().Batch.Enabled, t.app.Settings().Batch.MaxRequests = requests > 0, requests
			t.unbind = func() { t.app.Settings().Batch = before }
			return nil
		}
	case 9:
		return func(t *twin) error {
			limits := &t.app.Settings().RateLimits
			t.unbind = func() { limits.Enabled = false }
			limits.Enabled, limits.Rules = true, []core.RateLimitRule{{Label: "*:create", MaxRequests: 3, Duration: 600}, {Label: "hot:update", MaxRequests: 2, Duration: 600}}
			return nil
		}
	case 10:
		return func(t *twin) error { return t.toggleTrigger() }
	}
	bind := randomHandler(random)
	return func(t *twin) error {
		t.unbind = bind(t)
		return nil
	}
}

func (t *twin) editCollection(name string, change func(*core.Collection)) error {
	c, err := t.app.FindCollectionByNameOrId(name)
	if err != nil {
		return err
	}
	change(c)
	return t.app.Save(c)
}

// editField changes an option of a field.
func (p *twins) editField(random *rand.Rand, collection string) func(*twin) error {
	n := random.IntN(6)
	return func(t *twin) error {
		return t.editCollection(collection, func(c *core.Collection) {
			title, _ := c.Fields.GetByName("title").(*core.TextField)
			amount, _ := c.Fields.GetByName("amount").(*core.NumberField)
			switch n {
			case 0:
				title.Required = !title.Required
			case 1:
				title.Max = 8 - title.Max
			case 2:
				title.Hidden = !title.Hidden
			case 3:
				amount.OnlyInt = !amount.OnlyInt
			case 4:
				state, _ := c.Fields.GetByName("state").(*core.SelectField)
				if state.Required = !state.Required; state.Required {
					state.Values = []string{"open", "a"}
				} else {
					state.Values = []string{"open", "closed"}
				}
			case 5:
				updated, _ := c.Fields.GetByName("updated").(*core.AutodateField)
				updated.OnUpdate = !updated.OnUpdate
				updated.OnCreate = true
			}
		})
	}
}

// renameExtra adds a field, gives it another name, and takes it away.
func renameExtra(c *core.Collection) {
	if extra := c.Fields.GetByName("extra"); extra != nil {
		extra.SetName("other")
	} else if c.Fields.GetByName("other") != nil {
		c.Fields.RemoveByName("other")
	} else {
		c.Fields.Add(&core.TextField{Name: "extra"})
	}
}

// toggleIndex makes few of the rows to come unique.
func toggleIndex(c *core.Collection) {
	if len(c.Indexes) > 0 {
		c.Indexes = nil
		return
	}
	c.Indexes = types.JSONArray[string]{fmt.Sprintf("CREATE UNIQUE INDEX idx_%s ON %s (title, whole) WHERE created > '2025'", c.Name, c.Name)}
}

// editToken revokes a token, by PocketBase or past it, and mostly makes another.
func (p *twins) editToken(random *rand.Rand) func(*twin) error {
	key, verified, role := security.RandomString(50), random.IntN(2) == 0, pickFrom(random, []string{"", "owner", "viewer"})
	n, again, bySQL := random.IntN(3), random.IntN(4) > 0, random.IntN(2) == 0
	id := fmt.Sprintf("users%010d", n)
	return func(t *twin) error {
		user, err := t.app.FindRecordById("users", id)
		if err != nil {
			return nil //nolint:nilerr // who is gone has none
		}
		user.SetVerified(verified)
		user.Set("role", role)
		user.SetTokenKey(key)
		if again {
			if p.tokens[2+n], err = user.NewAuthToken(); err != nil {
				return err
			}
		}
		if !bySQL {
			return t.app.SaveNoValidate(user)
		}
		_, err = t.app.NonconcurrentDB().Update("users", dbx.Params{"tokenKey": key}, dbx.HashExp{"id": id}).Execute()
		return err
	}
}

// toggleTrigger has the database refuse some rows, and change others.
func (t *twin) toggleTrigger() error {
	var n int
	if err := t.app.DB().NewQuery("SELECT COUNT(*) FROM sqlite_master WHERE name = 'test_refuse'").Row(&n); err != nil {
		return err
	}
	run := func(sql string) error {
		_, err := t.app.NonconcurrentDB().NewQuery(sql).Execute()
		return err
	}
	if n > 0 {
		return errors.Join(run("DROP TRIGGER test_refuse"), run("DROP TRIGGER test_change"))
	}
	return errors.Join(
		run("CREATE TRIGGER test_refuse BEFORE INSERT ON kids WHEN NEW.note = 'red' BEGIN SELECT RAISE(ABORT, 'no red ones'); END"),
		run("CREATE TRIGGER test_change AFTER UPDATE OF note ON kids WHEN NEW.note = 'plain' BEGIN UPDATE kids SET note = 'changed' WHERE id = NEW.id; END"),
	)
}

// handling is what a handler does besides that it notes what it sees.
type handling int

const (
	looks handling = iota
	changesTitle
	refuses
)

var errRefused = errors.New("a handler has refused it")

// note is a handler that says what it saw.
func note[T hook.Tagger](t *twin, h *hook.TaggedHook[T], name string, record func(T) *core.Record, what handling) func() {
	const id = "ofTheTest"
	h.Bind(&hook.Handler[T]{Id: id, Func: func(e T) error {
		r := record(e)
		if r == nil {
			t.seen = append(t.seen, name)
			return e.Next()
		}
		t.seen = append(t.seen, fmt.Sprintf(`{%q:[%q,%q,%q]}`, name, r.Collection().Name, r.Id, r.GetString("title")))
		switch {
		case what == changesTitle:
			r.Set("title", "handled")
		case what == refuses && len(r.GetString("title")) > 3:
			return errRefused
		}
		return e.Next()
	}})
	return func() { h.Unbind(id) }
}

// randomHandler binds one of all that PocketBase calls for a write.
func randomHandler(random *rand.Rand) func(*twin) func() {
	what := handling(random.IntN(3))
	n := random.IntN(26)
	tags := [][]string{nil, {"hot"}, {"kids"}, {"ruled0", "ruled1"}}[random.IntN(4)]
	ofRecord := func(e *core.RecordEvent) *core.Record { return e.Record }
	ofError := func(e *core.RecordErrorEvent) *core.Record { return e.Record }
	ofRequest := func(e *core.RecordRequestEvent) *core.Record { return e.Record }
	ofModel := func(e *core.ModelEvent) *core.Record { r, _ := e.Model.(*core.Record); return r }
	return func(t *twin) func() {
		app := t.app
		records := []*hook.TaggedHook[*core.RecordEvent]{
			app.OnRecordValidate(tags...), app.OnRecordCreate(tags...), app.OnRecordCreateExecute(tags...), app.OnRecordAfterCreateSuccess(tags...),
			app.OnRecordUpdate(tags...), app.OnRecordUpdateExecute(tags...), app.OnRecordAfterUpdateSuccess(tags...),
			app.OnRecordDelete(tags...), app.OnRecordDeleteExecute(tags...), app.OnRecordAfterDeleteSuccess(tags...),
		}
		models := []*hook.TaggedHook[*core.ModelEvent]{
			app.OnModelValidate(tags...), app.OnModelCreate(tags...), app.OnModelCreateExecute(tags...), app.OnModelAfterCreateSuccess(tags...),
			app.OnModelUpdate(tags...), app.OnModelAfterUpdateSuccess(tags...), app.OnModelDelete(tags...), app.OnModelAfterDeleteSuccess(tags...),
		}
		faults := []*hook.TaggedHook[*core.RecordErrorEvent]{app.OnRecordAfterCreateError(tags...), app.OnRecordAfterUpdateError(tags...), app.OnRecordAfterDeleteError(tags...)}
		requests := []*hook.TaggedHook[*core.RecordRequestEvent]{app.OnRecordCreateRequest(tags...), app.OnRecordUpdateRequest(tags...), app.OnRecordDeleteRequest(tags...)}
		name := fmt.Sprintf("handler %d", n)
		switch {
		case n < 10:
			return note(t, records[n], name, ofRecord, what)
		case n < 18:
			return note(t, models[n-10], name, ofModel, what)
		case n < 21:
			return note(t, faults[n-18], name, ofError, looks)
		case n < 24:
			return note(t, requests[n-21], name, ofRequest, what)
		case n == 24:
			return note(t, app.OnRecordEnrich(tags...), name, func(e *core.RecordEnrichEvent) *core.Record { return e.Record }, what)
		}
		id := app.OnBatchRequest().BindFunc(func(e *core.BatchRequestEvent) error {
			t.seen = append(t.seen, fmt.Sprintf("a batch of %d", len(e.Batch)))
			if what == refuses {
				return errRefused
			}
			return e.Next()
		})
		return func() { app.OnBatchRequest().Unbind(id) }
	}
}
