package idempotency_test

import (
	"net/http"
	"strings"
	"testing"

	"github.com/pocketbase/pocketbase/core"

	"github.com/holdall-go/holdall/plugins/idempotency"
)

func TestKeySyntax(t *testing.T) {
	t.Parallel()
	w := newWorld(t, idempotency.Config{}, routes(func(e *core.ServeEvent) {
		e.Router.POST("/ok", func(e *core.RequestEvent) error { return e.String(http.StatusOK, "done") })
	}))
	same := [][]string{ // each list spells one key
		{`8e03978e-40d5-43dd-bc93-6894a57f9324`, `"8e03978e-40d5-43dd-bc93-6894a57f9324"`, " \t8e03978e-40d5-43dd-bc93-6894a57f9324 "},
		{`"with space"`},
		{`" "`},
		{`"quo\"ted\\"`},
		{`a`, `"a"`},
		{`A`},
		{`order/7?x=1&y=2#z`},
		{`'single'`},
		{many("k", 255), `"` + many("k", 255) + `"`},
		{`"a;b,c"`},
	}
	for _, spellings := range same {
		for i, spelling := range spellings {
			r := w.send(t, http.MethodPost, "/ok", nil, key, spelling)
			if want := map[bool]string{true: "false", false: "true"}[i == 0]; r.status != http.StatusOK || r.replayed() != want {
				t.Errorf("%q: got %d %s replayed %q, want 200 replayed %q", spelling, r.status, r.body, r.replayed(), want)
			}
		}
	}
	before := w.stored(t)
	for _, wrong := range []string{
		`""`, ` `, `"`, `"open`, `"a"b`, `"a";p=1`, `"a" "b"`, `a b`, `a,b`, `a;b`, `a"b`, `a\b`, `"a\x"`, `"a\`, `"\"`, "ü", `"ü"`, "a\x7f", "\"a\tb\"",
		many("k", 256), `"` + many("k", 256) + `"`,
	} {
		expect(t, wrong, w.send(t, http.MethodPost, "/ok", nil, key, wrong), http.StatusBadRequest, "idempotency_key_invalid")
	}
	if got := w.stored(t); got != before {
		t.Errorf("invalid keys were stored")
	}
	if _, err := idempotency.ParseKey([]string{"a", "b"}); err == nil {
		t.Error("two keys: got no error")
	}
	if _, err := idempotency.ParseKey([]string{""}); err == nil {
		t.Error("an empty key: got no error")
	}
}

// A key that is accepted is printable, short, and the same in quotes.
func FuzzKey(f *testing.F) {
	for _, seed := range []string{`a`, `"a b"`, `"a\"b"`, `"a`, `\`, ``} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, header string) {
		parsed, err := idempotency.ParseKey([]string{header})
		if err != nil {
			return
		}
		if len(parsed) == 0 || len(parsed) > 255 || strings.IndexFunc(parsed, func(r rune) bool { return r < ' ' || r > '~' }) >= 0 {
			t.Errorf("%q gave the key %q", header, parsed)
		}
		quoted := `"` + strings.NewReplacer(`\`, `\\`, `"`, `\"`).Replace(parsed) + `"`
		if again, err := idempotency.ParseKey([]string{quoted}); err != nil || again != parsed {
			t.Errorf("%q gave %q, and in quotes %q, %v", header, parsed, again, err)
		}
	})
}

// Whatever an If-Match looks like, it matches only what names the row.
func FuzzIfMatch(f *testing.F) {
	for _, seed := range []string{`*`, `"row"`, `"row.body"`, `W/"row"`, `"other", "row"`, `"`, `,`, `"a"*`} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, header string) {
		named := strings.Contains(header, `"row"`) || strings.Contains(header, `"row.`) || strings.Contains(header, "*")
		if idempotency.MatchRow(header, "row") && !named {
			t.Errorf("%q matches", header)
		}
	})
}
