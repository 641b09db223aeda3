package fastlane_test

import (
	"database/sql"
	"fmt"
	"net/http"
	"path/filepath"
	"testing"

	"github.com/pocketbase/dbx"
	"github.com/pocketbase/pocketbase/core"

	"github.com/holdall-go/holdall/internal/pbtest"
	"github.com/holdall-go/holdall/plugins/fastlane"
)

// library is posts that are related to tags, which all see alike, to accounts, which hide
// their address from others, and to notes, which are for their owners.
func library(app core.App) error {
	users, err := app.FindCollectionByNameOrId("users")
	if err != nil {
		return err
	}
	users.ViewRule = text("")
	tags := core.NewBaseCollection("tags")
	tags.ViewRule = text("")
	tags.Fields.Add(&core.TextField{Name: "label"})
	notes := core.NewBaseCollection("notes")
	notes.ViewRule = text("owner = @request.auth.id || open = true")
	notes.Fields.Add(&core.RelationField{Name: "owner", CollectionId: users.Id}, &core.BoolField{Name: "open"})
	for _, c := range []*core.Collection{users, tags, notes} {
		if err := app.Save(c); err != nil {
			return err
		}
	}
	posts := core.NewBaseCollection("posts")
	posts.ListRule, posts.ViewRule = text(""), text("")
	posts.Fields.Add(
		&core.RelationField{Name: "tags", CollectionId: tags.Id, MaxSelect: 9}, &core.RelationField{Name: "author", CollectionId: users.Id},
		&core.RelationField{Name: "note", CollectionId: notes.Id},
	)
	if err := app.Save(posts); err != nil {
		return err
	}
	for n := range 2 {
		user := core.NewRecord(users)
		user.Load(map[string]any{"id": fmt.Sprintf("user%011d", n), "email": fmt.Sprintf("user%d@example.com", n), "verified": true})
		user.SetRandomPassword()
		if err := app.Save(user); err != nil {
			return err
		}
	}
	rows := map[string][]dbx.Params{}
	for n := range 6 {
		id := fmt.Sprintf("%015d", n)
		rows["tags"] = append(rows["tags"], dbx.Params{"id": id, "label": fmt.Sprint("label ", n)})
		rows["notes"] = append(rows["notes"], dbx.Params{"id": id, "owner": fmt.Sprintf("user%011d", n%2), "open": n == 5})
		rows["posts"] = append(rows["posts"], dbx.Params{
			"id": id, "author": fmt.Sprintf("user%011d", n%2), "note": id, "tags": fmt.Sprintf(`["%s","%015d","nowhere"]`, id, (n+1)%6),
		})
	}
	for table, of := range rows {
		for _, row := range of {
			if _, err := app.DB().Insert(table, row).Execute(); err != nil {
				return err
			}
		}
	}
	return nil
}

// expanded are requests for related records.
var expanded = []string{
	"/api/collections/posts/records?expand=tags", "/api/collections/posts/records?expand=author,tags&perPage=3",
	"/api/collections/posts/records?expand=note,note.owner", "/api/collections/posts/records/000000000000001?expand=tags,note,author",
}

// askTwice compares the answers for several callers with PocketBase's, so often that
// the lane has related records.
func (w *world) askTwice(t *testing.T) (differences []string) {
	t.Helper()
	for range 3 {
		for _, token := range w.tokens {
			header := http.Header{}
			if token != "" {
				header.Set("Authorization", token)
			}
			for _, address := range expanded {
				if difference := w.compare(address, header); difference != "" {
					differences = append(differences, difference)
				}
			}
		}
	}
	return differences
}

func newLibrary(t *testing.T) *world {
	t.Helper()
	w := newWorld(t, library, fastlane.Config{})
	w.tokens = []string{""}
	for n := range 2 {
		user, err := w.app.FindRecordById("users", fmt.Sprintf("user%011d", n))
		if err != nil {
			t.Fatal(err)
		}
		w.tokens = append(w.tokens, pbtest.Token(t, user))
	}
	return w
}

// TestRelatives changes related records that the lane has read before. It has to tell
// of the change at once; without a look at the state of the database it does not.
func TestRelatives(t *testing.T) {
	t.Parallel()
	onSQL := func(statement string) func(w *world) error {
		return func(w *world) error {
			_, err := w.app.NonconcurrentDB().NewQuery(statement).Execute()
			return err
		}
	}
	changes := map[string]func(w *world) error{
		"another label":            onSQL("UPDATE tags SET label = 'other' WHERE id = '000000000000001'"),
		"a record less":            onSQL("DELETE FROM tags WHERE id = '000000000000002'"),
		"a record that was gone":   onSQL("INSERT INTO tags (id, label) VALUES ('nowhere', 'new')"),
		"an address is shown":      onSQL("UPDATE users SET emailVisibility = true"),
		"a note is opened":         onSQL("UPDATE notes SET open = true"),
		"a note has another owner": onSQL("UPDATE notes SET owner = 'user00000000001' WHERE owner = 'user00000000000'"),
		"by PocketBase": func(w *world) error {
			tag, err := w.app.FindRecordById("tags", "000000000000003")
			if err != nil {
				return err
			}
			tag.Set("label", "saved")
			return w.app.Save(tag)
		},
		"by somebody else": func(w *world) error {
			db, err := sql.Open("sqlite", filepath.Join(w.app.DataDir(), "data.db"))
			if err != nil {
				return err
			}
			defer db.Close()
			_, err = db.Exec("UPDATE tags SET label = 'of another program'")
			return err
		},
	}
	changed := func(t *testing.T, w *world, change func(w *world) error) (differences []string) {
		t.Helper()
		for _, difference := range w.askTwice(t) {
			t.Errorf("before: %s", difference)
		}
		if records, _ := w.plugin.Relatives(0); records < 10 {
			t.Errorf("%d related records are kept, want those of all posts", records)
		}
		if err := change(w); err != nil {
			t.Fatal(err)
		}
		return w.askTwice(t)
	}
	for name, change := range changes {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			for _, difference := range changed(t, newLibrary(t), change) {
				t.Errorf("after: %s", difference)
			}
		})
	}
	t.Run("a mistake is noticed", func(t *testing.T) {
		t.Parallel()
		w := newLibrary(t)
		w.plugin.Break(fastlane.StaleKin)
		if len(changed(t, w, changes["another label"])) == 0 {
			t.Error("nobody notices what outlives a commit")
		}
	})
}

// TestRuleOfRelatives changes rules of collections that others are expanded with, also in
// PocketBase's own copy, of which the database does not know.
func TestRuleOfRelatives(t *testing.T) {
	t.Parallel()
	w := newLibrary(t)
	for _, name := range []string{"users", "notes", "tags"} {
		w.askTwice(t)
		c, err := w.app.FindCollectionByNameOrId(name)
		if err != nil {
			t.Fatal(err)
		}
		c.ViewRule = text("id = 'user00000000001' || @request.auth.id = 'user00000000001'")
		if err := w.app.Save(c); err != nil {
			t.Fatal(err)
		}
		for _, difference := range w.askTwice(t) {
			t.Errorf("the rule of %s was saved: %s", name, difference)
		}
		cached, err := w.app.FindCachedCollectionByNameOrId(name)
		if err != nil {
			t.Fatal(err)
		}
		cached.ViewRule = text("")
		for _, difference := range w.askTwice(t) {
			t.Errorf("the rule of %s was set: %s", name, difference)
		}
	}
}

// TestRelativesTakeLittle has room for few related records.
func TestRelativesTakeLittle(t *testing.T) {
	t.Parallel()
	const limit = 1000
	w := newLibrary(t)
	w.plugin.Relatives(limit)
	for _, difference := range w.askTwice(t) {
		t.Error(difference)
	}
	if records, bytes := w.plugin.Relatives(0); records == 0 || bytes > limit {
		t.Errorf("%d related records take %d bytes, want some and at most %d bytes", records, bytes, limit)
	}
}
