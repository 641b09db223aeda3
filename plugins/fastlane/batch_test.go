package fastlane_test

import (
	"encoding/json"
	"fmt"
	"net/http"
	"strings"
	"testing"

	"github.com/holdall-go/holdall/plugins/fastlane"
)

// part is one request of a batch, with a note's id in the place of ID.
func part(method, path, body string) string {
	return fmt.Sprintf(`{"method":%q,"url":"/api/collections/%s","body":%s}`, method, path, body)
}

// batches are what is sent, and whether the lane does it.
var batches = []struct {
	parts  []string
	served bool
}{
	{[]string{part("POST", "notes/records", `{"title":"x","author":"author000000000"}`)}, true},
	{[]string{
		part("POST", "notes/records", `{"id":"abcdefghijklmno","title":"x","author":"author000000000","amount":1.5}`),
		part("PATCH", "notes/records/abcdefghijklmno", `{"title":"y","amount+":1}`), part("PATCH", "notes/records/ID", `{"done":false}`),
		part("DELETE", "drafts/records/abcdefghijklmno", `null`), part("POST", "drafts/records", `{"text":"again","author":"author000000000"}`),
	}, true},
	{[]string{part("DELETE", "drafts/records/abcdefghijklmno", `{}`), part("PATCH", "drafts/records/abcdefghijklmno", `{"text":"gone"}`)}, false},
	{[]string{part("POST", "drafts/records", `{"text":"undone","author":"author000000000"}`), part("POST", "notes/records", `{"title":""}`)}, false},
	{[]string{part("POST", "drafts/records", `{"text":"undone","author":"author000000000"}`), part("POST", "drafts/records", `{"author":"author000000001"}`)}, false},
	{[]string{part("PUT", "drafts/records", `{"id":"abcdefghijklmno","text":"upsert","author":"author000000000"}`)}, false},
	{[]string{part("POST", "drafts/records?fields=id", `{"author":"author000000000"}`)}, false},
	{[]string{part("GET", "drafts/records", `{}`)}, false},
	{[]string{part("post", "drafts/records", `{"author":"author000000000"}`)}, false},
	{[]string{part("POST", "gone/records", `{}`)}, false},
	{[]string{part("POST", "users/records", `{}`)}, false},
	{[]string{`{"method":"POST","url":"/api/collections/drafts/records"}`}, false}, // not by the rule
	{[]string{`{"method":"POST","url":"/api/collections/drafts/records","headers":{"X-A":"b"},"body":{"author":"author000000000"}}`}, true},
	{[]string{`{"method":"POST","url":"/api/collections/drafts/records","headers":{"X-A":1},"body":{"author":"author000000000"}}`}, false},
	{[]string{`{"Method":"POST","url":"/api/collections/drafts/records","body":{"author":"author000000000"}}`}, false},
	{[]string{`5`}, false},
	{[]string{`null`}, false},
	{nil, false},
	{slicesOf(9, part("POST", "drafts/records", `{"author":"author000000000"}`)), true},
	{slicesOf(10, part("POST", "drafts/records", `{"author":"author000000000"}`)), false},
}

func slicesOf(n int, s string) (all []string) {
	for range n {
		all = append(all, s)
	}
	return all
}

// likeOthers is likeOther for each answer of a batch.
func likeOthers(body string) string {
	var answers []struct {
		Body json.RawMessage `json:"body"`
	}
	if json.Unmarshal([]byte(body), &answers) != nil {
		return body
	}
	for _, answer := range answers {
		body = strings.Replace(body, string(answer.Body), likeOther(string(answer.Body)), 1)
	}
	return body
}

// drafts are what batches of TestBatch delete.
func (w *world) fillDrafts(tb testing.TB) {
	tb.Helper()
	for _, statement := range []string{
		`DELETE FROM drafts`, `INSERT INTO drafts (id, text, author) VALUES ('abcdefghijklmno', 'first', 'author000000000')`, `DELETE FROM notes`,
	} {
		if _, err := w.app.NonconcurrentDB().NewQuery(statement).Execute(); err != nil {
			tb.Fatal(err)
		}
	}
}

// TestBatch sends the same batches to the lane and to PocketBase, and compares answers
// and rows.
func TestBatch(t *testing.T) {
	t.Parallel()
	w, signedIn := newNotes(t, fastlane.Config{}, addDrafts)
	w.app.Settings().Batch.Enabled, w.app.Settings().Batch.MaxRequests = true, 9
	for _, c := range batches {
		var answers [2]answer
		var rows [2]string
		for n, stock := range []bool{false, true} {
			w.fillDrafts(t)
			ids := w.twoNotes(t, nil)
			body := strings.ReplaceAll(`{"requests":[`+strings.Join(c.parts, ",")+`]}`, "/ID", "/"+ids[0])
			before := w.plugin.Stats()
			answers[n] = w.send(stock, http.MethodPost, "/api/batch", body, signedIn)
			if served := w.plugin.Stats().Served > before.Served; served != (c.served && !stock) {
				t.Errorf("%s: served is %v, want %v; handed on: %v", body, served, c.served, w.plugin.Stats().HandedOn)
			}
			answers[n].body = likeOthers(answers[n].body)
			for _, table := range []string{"notes", "drafts"} {
				var found []string
				if err := w.app.DB().NewQuery("SELECT id FROM " + table + " WHERE id = 'abcdefghijklmno' OR length(id) = 15 ORDER BY rowid").Column(&found); err != nil {
					t.Fatal(err)
				}
				for _, id := range found {
					rows[n] += w.stored(t, table, id) + "\n\n"
				}
			}
		}
		if answers[0] != answers[1] {
			t.Errorf("%s:\ngot  %+v\nwant %+v", c.parts, answers[0], answers[1])
		}
		if rows[0] != rows[1] {
			t.Errorf("%s: the rows are\n%s\nwant\n%s", c.parts, rows[0], rows[1])
		}
	}
}
