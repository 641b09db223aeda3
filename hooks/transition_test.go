package hooks_test

import (
	"fmt"
	"net/http"
	"strings"
	"sync"
	"testing"

	"github.com/pocketbase/dbx"

	"github.com/holdall-go/holdall/collections"
	"github.com/holdall-go/holdall/internal/pbtest"
)

func transitionPath(order string) string {
	return "/api/v1/work-orders/" + order + "/transition"
}

func (w *world) notes(order string) []string {
	w.tb.Helper()
	var result []string
	w.must(w.DB().Select("author").From(collections.Notes).Where(dbx.HashExp{"work_order": order}).Column(&result))
	return result
}

// Each caller on each move: who sees the order is told what is wrong with the
// move, in the order role, move, whose move it is.
func TestTransitionOfEachCaller(t *testing.T) {
	t.Parallel()
	technicianMakes := map[string]string{"scheduled": "enRoute", "enRoute": "onSite", "onSite": "completed"}
	want := func(caller, from, to string) (status int, code string) {
		switch {
		case caller == "":
			return http.StatusUnauthorized, ""
		case caller == "stranger" || caller == "unassigned":
			return http.StatusNotFound, ""
		case caller == "viewer":
			return http.StatusForbidden, "role_not_allowed"
		case from == to:
			return http.StatusOK, ""
		case !isLegal(from, to):
			return http.StatusBadRequest, "validation_illegal_transition"
		case caller == "technician" && technicianMakes[from] != to:
			return http.StatusForbidden, "role_not_allowed"
		default:
			return http.StatusOK, ""
		}
	}
	for _, caller := range callers {
		t.Run("caller "+caller, func(t *testing.T) {
			t.Parallel()
			w := newWorld(t)
			for _, from := range allStatuses {
				for _, to := range allStatuses {
					order := w.order(w.planned, in(from))
					got := w.ask(caller, "POST", transitionPath(order.Id), map[string]any{"to": to})

					status, code := want(caller, from, to)
					field := ""
					if status == http.StatusBadRequest {
						field = "to"
					}
					if got.status != status || (code != "" && got.code(t, field) != code) {
						t.Errorf("%s to %s: got %d %s, want %d %q", from, to, got.status, got.body, status, code)
					}
					after := from
					if status == http.StatusOK {
						after = to
						var record struct{ ID, Status, CollectionName string }
						got.decode(t, &record)
						if record.ID != order.Id || record.Status != to || record.CollectionName != "work_orders" {
							t.Errorf("%s to %s: the answer is not the order: %s", from, to, got.body)
						}
					}
					if now := w.reload(order).Status(); now != after {
						t.Errorf("%s to %s: the order is %s, want %s", from, to, now, after)
					}
				}
			}
		})
	}
}

func TestTransitionToAStrangerIsAMiss(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	order := w.order(w.planned)
	for _, caller := range []string{"stranger", "unassigned"} {
		for name, body := range map[string]any{"a good body": map[string]any{"to": "scheduled"}, "a bad body": `{"to":1,"x":`, "no body": nil} {
			hidden := w.ask(caller, "POST", transitionPath(order.Id), body)
			missing := w.ask(caller, "POST", transitionPath("doesnotexist000"), body)
			if hidden.status != http.StatusNotFound || hidden.body != missing.body || fmt.Sprint(hidden.header) != fmt.Sprint(missing.header) {
				t.Errorf("%s with %s: got %d %s for an order of others, %d %s for none", caller, name, hidden.status, hidden.body, missing.status, missing.body)
			}
		}
	}
}

func TestTransitionMessages(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	draft, done := w.order(), w.order(in("completed"))
	if got := w.ask("owner", "POST", transitionPath(draft.Id), map[string]any{"to": "onSite"}); !strings.Contains(got.body, "An order that is draft can move to scheduled or cancelled.") {
		t.Errorf("got %s", got.body)
	}
	if got := w.ask("owner", "POST", transitionPath(done.Id), map[string]any{"to": "draft"}); !strings.Contains(got.body, "An order that is completed stays so.") {
		t.Errorf("got %s", got.body)
	}
	got := w.ask("owner", "POST", transitionPath(draft.Id), map[string]any{"to": "scheduled"})
	if got.status != http.StatusBadRequest || got.code(t, "assignee") != "validation_required" || got.code(t, "scheduledStart") != "validation_required" {
		t.Errorf("scheduled without a plan: got %d %s", got.status, got.body)
	}
}

func TestTransitionWithANote(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	order := w.order(w.planned, in("scheduled"))
	move := func(caller, to, note string) answer {
		return w.ask(caller, "POST", transitionPath(order.Id), map[string]any{"to": to, "note": note})
	}

	if got := move("technician", "enRoute", "  Traffic on the bridge.  "); got.status != http.StatusOK {
		t.Fatalf("got %d %s", got.status, got.body)
	}
	var bodies []string
	w.must(w.DB().Select("body").From(collections.Notes).Column(&bodies))
	if got := w.notes(order.Id); len(got) != 1 || got[0] != w.people["technician"].Id || bodies[0] != "Traffic on the bridge." {
		t.Errorf("got notes of %v saying %q, want one of the technician", got, bodies)
	}
	if got := move("technician", "enRoute", "Once more."); got.status != http.StatusOK || len(w.notes(order.Id)) != 1 {
		t.Errorf("a repeated request: got %d and %d notes, want 200 and 1", got.status, len(w.notes(order.Id)))
	}
	if got := move("technician", "onSite", "   "); got.status != http.StatusOK || len(w.notes(order.Id)) != 1 {
		t.Errorf("an empty note: got %d and %d notes, want 200 and 1", got.status, len(w.notes(order.Id)))
	}
	if got := move("technician", "completed", strings.Repeat("ä", 2001)); got.status != http.StatusBadRequest || got.code(t, "note") != "validation_length_too_long" {
		t.Errorf("a long note: got %d %s", got.status, got.body)
	}
	if got := move("technician", "completed", strings.Repeat("ä", 2000)); got.status != http.StatusOK || len(w.notes(order.Id)) != 2 {
		t.Errorf("a note of 2000 characters: got %d %s", got.status, got.body)
	}
	if got := move("superuser", "completed", "Hello"); got.code(t, "note") != "validation_needs_a_user" {
		t.Errorf("a superuser's note: got %d %s", got.status, got.body)
	}
}

// The move and its note are one: when the note cannot be kept, the order stays.
func TestTransitionIsUndoneWithItsNote(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	order := w.order(w.planned, in("scheduled"))
	_, err := w.DB().NewQuery("CREATE TRIGGER no_notes BEFORE INSERT ON notes BEGIN SELECT RAISE(ABORT, 'secret reason'); END").Execute()
	w.must(err)
	before := w.dump()
	got := w.ask("technician", "POST", transitionPath(order.Id), map[string]any{"to": "enRoute", "note": "On my way."})
	if got.status != http.StatusInternalServerError || strings.Contains(got.body, "secret") {
		t.Errorf("got %d %s, want a 500 without its reason", got.status, got.body)
	}
	if w.dump() != before {
		t.Error("something was kept")
	}
}

// Callers who race make one legal sequence: what each of them was told is what
// happened, and nothing happened that nobody was told.
func TestTransitionsThatRace(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	url := pbtest.Serve(t, w)
	tokens := map[string]string{"technician": w.token("technician"), "dispatcher": w.token("dispatcher"), "owner": w.token("owner")}

	for round := range 8 {
		order := w.order(w.planned, in("scheduled"))
		// Of these, only one can leave scheduled for good.
		attempts := []struct{ caller, to string }{{"technician", "enRoute"}, {"dispatcher", "draft"}, {"owner", "cancelled"}}
		var (
			mu    sync.Mutex
			moved = map[string]int{}
		)
		w.allAtOnce(3*len(attempts), func(i int) {
			a := attempts[i%len(attempts)]
			status, body := post(t, url+transitionPath(order.Id), tokens[a.caller], map[string]any{"to": a.to, "note": fmt.Sprintf("%s %d", a.to, i)})
			mu.Lock()
			defer mu.Unlock()
			switch status {
			case http.StatusOK:
				moved[a.to]++
			case http.StatusBadRequest, http.StatusForbidden:
			default:
				t.Errorf("round %d, %s to %s: got %d %s", round, a.caller, a.to, status, body)
			}
		})

		final := w.reload(order).Status()
		if moved[final] == 0 {
			t.Errorf("round %d: the order is %s, but nobody was told so: %v", round, final, moved)
		}
		var notes []string
		w.must(w.DB().Select("body").From(collections.Notes).Where(dbx.HashExp{"work_order": order.Id}).OrderBy("rowid").Column(&notes))
		at := "scheduled"
		for _, note := range notes { // one a move, in the order of the moves
			to, _, _ := strings.Cut(note, " ")
			if !isLegal(at, to) {
				t.Errorf("round %d: %v has the move from %s to %s", round, notes, at, to)
			}
			at = to
		}
		if at != final {
			t.Errorf("round %d: the notes %v end at %s, the order is %s", round, notes, at, final)
		}
	}
}
