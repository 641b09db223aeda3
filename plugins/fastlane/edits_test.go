package fastlane_test

import (
	"fmt"
	"math/rand/v2"
	"testing"

	"github.com/pocketbase/dbx"
	"github.com/pocketbase/pocketbase/core"
	"github.com/pocketbase/pocketbase/tools/hook"
	"github.com/pocketbase/pocketbase/tools/security"
)

// edit changes what answers depend on: a rule, a field, a hook handler, a token, a
// row. The lane hears of it in no other way than PocketBase does.
func (w *world) edit(tb testing.TB, random *rand.Rand) {
	tb.Helper()
	if w.bound != nil {
		w.bound()
		w.bound = nil
		return
	}
	var err error
	switch random.IntN(8) {
	case 0, 1:
		err = w.editCollection(random, func(c *core.Collection) {
			rule := pickFrom(random, w.rules)
			c.ListRule, c.ViewRule = rule, rule
		})
	case 2:
		err = w.editCollection(random, func(c *core.Collection) {
			field := c.Fields.GetByName(pickFrom(random, []string{"title", "data", "tags", "place"}))
			field.SetHidden(!field.GetHidden())
		})
	case 3:
		err = w.editCollection(random, func(c *core.Collection) {
			if extra := c.Fields.GetByName("extra"); extra != nil {
				extra.SetName("other")
			} else if other := c.Fields.GetByName("other"); other != nil {
				c.Fields.RemoveByName("other")
			} else {
				c.Fields.Add(&core.TextField{Name: "extra"})
			}
		})
	case 4:
		w.bindSomething(random)
	case 5:
		id := fmt.Sprintf("users%010d", random.IntN(2))
		_, err = w.app.NonconcurrentDB().Update("users", dbx.Params{"tokenKey": security.RandomString(50)}, dbx.HashExp{"id": id}).Execute()
	case 6:
		limits := &w.app.Settings().RateLimits
		limits.Enabled, limits.Rules = !limits.Enabled, []core.RateLimitRule{{Label: "/api/", MaxRequests: 100, Duration: 1}}
	case 7:
		_, err = w.app.NonconcurrentDB().Update("things", dbx.Params{"title": "changed"}, dbx.HashExp{"id": recordID(random.IntN(60))}).Execute()
	}
	if err != nil {
		tb.Fatal(err)
	}
}

func (w *world) editCollection(random *rand.Rand, change func(*core.Collection)) error {
	c, err := w.app.FindCollectionByNameOrId(fmt.Sprintf("ruled%d", random.IntN(len(rules))))
	if err != nil {
		return err
	}
	change(c)
	return w.app.Save(c)
}

// bindSomething binds a handler that changes answers.
func (w *world) bindSomething(random *rand.Rand) {
	const id = "ofTheTest"
	switch random.IntN(3) {
	case 0:
		w.app.OnRecordEnrich("things").Bind(&hook.Handler[*core.RecordEnrichEvent]{Id: id, Func: func(e *core.RecordEnrichEvent) error {
			e.Record.Hide("amount")
			return e.Next()
		}})
		w.bound = func() { w.app.OnRecordEnrich().Unbind(id) }
	case 1:
		w.app.OnRecordViewRequest().Bind(&hook.Handler[*core.RecordRequestEvent]{Id: id, Func: func(e *core.RecordRequestEvent) error {
			e.Record.Set("title", "seen")
			return e.Next()
		}})
		w.bound = func() { w.app.OnRecordViewRequest().Unbind(id) }
	case 2:
		w.app.OnRecordsListRequest("things").Bind(&hook.Handler[*core.RecordsListRequestEvent]{Id: id, Func: func(e *core.RecordsListRequestEvent) error {
			e.Response.Header().Set("X-Seen", "yes")
			return e.Next()
		}})
		w.bound = func() { w.app.OnRecordsListRequest().Unbind(id) }
	}
}
