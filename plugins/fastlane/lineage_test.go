package fastlane_test

import (
	"database/sql"
	"fmt"
	"net/http"
	"path/filepath"
	"testing"

	"github.com/pocketbase/pocketbase/core"

	"github.com/holdall-go/holdall/internal/pbtest"
	"github.com/holdall-go/holdall/plugins/fastlane"
)

// TestRevokedAmongWrites revokes a token while the lane writes, after whose own writes it
// does not look at accounts again.
func TestRevokedAmongWrites(t *testing.T) {
	t.Parallel()
	const revoking = "UPDATE users SET tokenKey = 'another' WHERE id = 'author000000000'"
	nobody := func(core.App) error { return nil }
	execute := func(text string) func(core.App) error {
		return func(app core.App) error {
			_, err := app.NonconcurrentDB().NewQuery(text).Execute()
			return err
		}
	}
	for name, c := range map[string]struct {
		before, revoke func(app core.App) error
		revoked, alone bool // alone says that the lane's writes change nothing else
		atOnce         bool // nobody else writes before the next request
	}{
		"nobody does":            {before: nobody, revoke: nobody, alone: true},
		"SQL":                    {before: nobody, revoke: execute(revoking), revoked: true, alone: true},
		"SQL, and nobody writes": {before: nobody, revoke: execute(revoking), revoked: true, alone: true, atOnce: true},
		"SQL of another process": {before: nobody, revoke: func(app core.App) error {
			other, err := sql.Open("sqlite", filepath.Join(app.DataDir(), "data.db")+"?_pragma=busy_timeout(60000)")
			if err != nil {
				return err
			}
			defer other.Close()
			_, err = other.Exec(revoking)
			return err
		}, revoked: true, alone: true},
		"a trigger on what the lane writes": {
			before: execute("CREATE TRIGGER revoking AFTER UPDATE ON notes BEGIN " + revoking + "; END"), revoke: nobody, revoked: true,
		},
		"a trigger of the connection": {
			before: execute("CREATE TEMP TRIGGER revoking AFTER UPDATE ON main.notes BEGIN " + revoking + "; END"), revoke: nobody, revoked: true,
		},
		"a trigger that comes among the writes": {
			before: nobody, revoke: execute("CREATE TRIGGER revoking AFTER UPDATE ON notes BEGIN " + revoking + "; END"), revoked: true, alone: true,
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			w, signedIn := newNotes(t, fastlane.Config{})
			if err := c.before(w.app); err != nil {
				t.Fatal(err)
			}
			another, token := pbtest.User(t, w.app, "users", nil)
			other := http.Header{"Authorization": {token}}
			create := func(author string, as http.Header) (address string) {
				got := w.send(false, http.MethodPost, notes, fmt.Sprintf(`{"title":"x","author":%q}`, author), as)
				if got.status != http.StatusOK {
					t.Fatalf("a create: status %d, want 200: %s", got.status, got.body)
				}
				return notes + "/" + idOf(got.body)
			}
			mine, theirs := create("author000000000", signedIn), create(another.Id, other)
			update := func(n int) int {
				return w.send(false, http.MethodPatch, mine, fmt.Sprintf(`{"title":"%d"}`, n), signedIn).status
			}
			if !c.alone {
				update(0)
			}
			for n := range 3 {
				if !c.alone {
					break
				}
				if status := update(n); status != http.StatusOK {
					t.Fatalf("update %d: status %d, want 200", n, status)
				}
			}
			if kept := w.plugin.States(); (kept > 3) != c.alone {
				t.Errorf("%d states are as good as each other after own writes", kept)
			}
			if err := c.revoke(w.app); err != nil {
				t.Fatal(err)
			}
			for range 2 { // a trigger is run by these
				if c.atOnce {
					break
				}
				if got := w.send(false, http.MethodPatch, theirs, `{"title":"y"}`, other); got.status != http.StatusOK {
					t.Fatalf("an update of the other: status %d, want 200: %s", got.status, got.body)
				}
			}
			if status := update(5); (status != http.StatusOK) != c.revoked {
				t.Errorf("at last: status %d", status)
			}
		})
	}
}
