package hooks_test

import (
	"errors"
	"fmt"
	"net/http"
	"slices"
	"sync"
	"testing"

	"github.com/pocketbase/dbx"
	"github.com/pocketbase/pocketbase/core"

	"github.com/holdall-go/holdall/collections"
	"github.com/holdall-go/holdall/hooks"
	"github.com/holdall-go/holdall/internal/pbtest"
)

// creators is how many create orders at the same time.
const creators = 32

// perCreator is how many orders each of them creates.
const perCreator = 4

// numbers returns the numbers of the first organization's orders, in order.
func (w *world) numbers() []int {
	w.tb.Helper()
	var result []int
	w.must(w.DB().Select("number").From(collections.WorkOrders).
		Where(dbx.HashExp{"organization": w.organization.Id}).OrderBy("number").Column(&result))
	return result
}

// wantGapless fails unless the numbers are 1 to n and the counter stands at n.
func (w *world) wantGapless(n int) {
	w.tb.Helper()
	if problem := w.gaplessProblem(n); problem != "" {
		w.tb.Error(problem)
	}
}

func (w *world) gaplessProblem(n int) string {
	w.tb.Helper()
	want := make([]int, n)
	for i := range want {
		want[i] = i + 1
	}
	if got := w.numbers(); !slices.Equal(got, want) {
		return fmt.Sprintf("numbers: got %v, want 1 to %d", got, n)
	}
	organization, err := collections.FindOrganizationById(w, w.organization.Id)
	w.must(err)
	if got := organization.LastNumber(); got != n {
		return fmt.Sprintf("last number: got %d, want %d", got, n)
	}
	return ""
}

func TestNumbersHaveNoGapWhenManyCreateByTheAPI(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	url := pbtest.Serve(t, w) + "/api/collections/work_orders/records"
	token := w.token("dispatcher")

	w.OnRecordCreateExecute(collections.WorkOrders).BindFunc(func(e *core.RecordEvent) error {
		if e.Record.GetString("title") == "late" {
			return errors.New("refused after the number was taken")
		}
		return e.Next()
	})

	w.allAtOnce(creators, func(creator int) {
		for i := range perCreator {
			body := map[string]any{"organization": w.organization.Id, "site": w.site.Id, "title": fmt.Sprintf("Job %d.%d", creator, i)}
			refused := i > 0 && (creator+i)%4 == 0
			if refused {
				body["title"] = []string{"", "late"}[creator%2] // before and after a number was taken
			}
			status, answer := post(t, url, token, body)
			if refused != (status == http.StatusBadRequest) {
				t.Errorf("creator %d: got status %d, refused %v: %s", creator, status, refused, answer)
			}
		}
	})
	w.wantGapless(creators*perCreator - creators*(perCreator-1)/4)
}

func TestNumbersHaveNoGapWhenTransactionsRollBack(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	errChanged := errors.New("changed my mind")

	w.allAtOnce(creators, func(creator int) {
		for i := range perCreator {
			order := w.unsavedOrder()
			abandon := (creator+i)%3 == 0
			err := w.RunInTransaction(func(tx core.App) error {
				if err := tx.Save(order); err != nil {
					return err
				}
				if order.Number() == 0 {
					return errors.New("saved without a number")
				}
				if abandon {
					return errChanged
				}
				return nil
			})
			if abandon != errors.Is(err, errChanged) {
				t.Errorf("creator %d: got %v, abandoned %v", creator, err, abandon)
			}
		}
	})
	kept := 0
	for i := range creators {
		for j := range perCreator {
			if (i+j)%3 != 0 {
				kept++
			}
		}
	}
	w.wantGapless(kept)
}

// A number that does not come from the transaction of the insert leaves gaps or
// duplicates, and the tests above would see it.
func TestNumbersTakenOutsideTheTransactionWouldShow(t *testing.T) {
	t.Parallel()

	ablations := map[string]func(w *world, order *collections.WorkOrder) error{
		"counted up in a transaction of its own": func(w *world, order *collections.WorkOrder) error {
			var number int
			err := w.NonconcurrentDB().NewQuery("UPDATE organizations SET lastNumber = lastNumber + 1 WHERE id = {:id} RETURNING lastNumber").
				Bind(dbx.Params{"id": order.Organization()}).Row(&number)
			if err != nil {
				return err
			}
			order.SetNumber(number)
			return w.abandonOrKeep(order)
		},
		"the highest so far and one": func(w *world, order *collections.WorkOrder) error {
			var number int
			err := w.ConcurrentDB().NewQuery("SELECT COALESCE(MAX(number), 0) + 1 FROM work_orders WHERE organization = {:id}").
				Bind(dbx.Params{"id": order.Organization()}).Row(&number)
			if err != nil {
				return err
			}
			order.SetNumber(number)
			return w.abandonOrKeep(order)
		},
	}
	for name, create := range ablations {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			w := newWorld(t)
			w.OnRecordCreateExecute(collections.WorkOrders).Unbind("holdallWorkOrderNumber")

			var (
				mu      sync.Mutex
				refused int
			)
			w.allAtOnce(creators, func(creator int) {
				for i := range perCreator {
					order := w.unsavedOrder()
					if (creator+i)%3 == 0 {
						order.SetTitle("abandon")
					}
					if err := create(w, order); err != nil {
						mu.Lock()
						refused++
						mu.Unlock()
					}
				}
			})
			kept := len(w.numbers())
			if w.gaplessProblem(kept) == "" && refused == 0 {
				t.Errorf("%d orders have the numbers 1 to %d without a fault: the tests of numbering prove nothing", kept, kept)
			}
		})
	}
}

// abandonOrKeep saves the order in a transaction that rolls back for the title
// "abandon".
func (w *world) abandonOrKeep(order *collections.WorkOrder) error {
	errAbandoned := errors.New("abandoned")
	err := w.RunInTransaction(func(tx core.App) error {
		if err := tx.Save(order); err != nil {
			return err
		}
		if order.Title() == "abandon" {
			return errAbandoned
		}
		return nil
	})
	if errors.Is(err, errAbandoned) {
		return nil
	}
	return err
}

func TestNumbersAreCountedPerOrganization(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	first := w.order()
	foreign := w.order(func(o *collections.WorkOrder) {
		o.SetOrganization(w.otherOrganization.Id)
		o.SetSite(w.otherSite.Id)
	})
	second := w.order(func(o *collections.WorkOrder) { o.SetNumber(700) })

	for _, c := range []struct {
		name  string
		order *collections.WorkOrder
		want  int
	}{{"the first", first, 1}, {"the first of another organization", foreign, 1}, {"one with a number of its own choice", second, 2}} {
		if got := c.order.Number(); got != c.want {
			t.Errorf("%s: got number %d, want %d", c.name, got, c.want)
		}
	}
}

func TestNumbersInABatch(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.Settings().Batch.Enabled = true
	w.Settings().Batch.MaxRequests = 10
	batch := func(titles ...string) map[string]any {
		var requests []any
		for _, title := range titles {
			requests = append(requests, map[string]any{
				"method": "POST", "url": "/api/collections/work_orders/records",
				"body": map[string]any{"organization": w.organization.Id, "site": w.site.Id, "title": title},
			})
		}
		return map[string]any{"requests": requests}
	}

	if got := w.ask("dispatcher", "POST", "/api/batch", batch("One", "Two", "")); got.status != http.StatusBadRequest {
		t.Errorf("a batch with an order that is refused: got %d %s", got.status, got.body)
	}
	w.wantGapless(0)
	if got := w.ask("dispatcher", "POST", "/api/batch", batch("One", "Two", "Three")); got.status != http.StatusOK {
		t.Errorf("a batch of three: got %d %s", got.status, got.body)
	}
	w.wantGapless(3)
}

// A save of an organization that was loaded before must not set its counter
// back, or the next order would fail for its number.
func TestNumbersSurviveSavesOfTheOrganization(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	stale, err := collections.FindOrganizationById(w, w.organization.Id)
	w.must(err)
	w.order()

	t.Run("by Go, from an old copy", func(t *testing.T) {
		stale.SetName("Quillon Lifts")
		w.must(w.Save(stale))
		if got := w.order().Number(); got != 2 {
			t.Errorf("got number %d, want 2", got)
		}
	})
	t.Run("by a superuser who sends the counter along", func(t *testing.T) {
		got := w.ask("superuser", "PATCH", "/api/collections/organizations/records/"+w.organization.Id, map[string]any{"lastNumber": 0, "name": "Quillon"})
		if got.status != http.StatusOK {
			t.Fatalf("got %d %s", got.status, got.body)
		}
		if got := w.order().Number(); got != 3 {
			t.Errorf("got number %d, want 3", got)
		}
	})
	t.Run("by a second registration, which replaces the first", func(t *testing.T) {
		w.must(hooks.Register(w, hooks.Config{Clock: w.clock}))
		if got := w.order().Number(); got != 4 {
			t.Errorf("got number %d, want 4", got)
		}
	})
}
