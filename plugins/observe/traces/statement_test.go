package traces_test

import (
	"net/http"
	"strings"
	"testing"
	"unicode/utf8"

	"github.com/holdall-go/holdall/plugins/observe"
	"github.com/holdall-go/holdall/plugins/observe/traces"
)

func TestStatementText(t *testing.T) {
	t.Parallel()
	for _, c := range []struct{ name, query, want string }{
		{"names and placeholders", "SELECT `a`.* FROM [b] WHERE \"c\" = {:p} AND d = ?", "SELECT `a`.* FROM [b] WHERE \"c\" = {:p} AND d = ?"},
		{"texts", `SELECT 'it''s', 'x' || "y z"`, "SELECT ?, ? || ?"},
		{"numbers", "SELECT a1 WHERE b = 12.5e3 LIMIT 30", "SELECT a1 WHERE b = ? LIMIT ?"},
		{"bytes", "SELECT x'00ff', X'aa'", "SELECT x?, X?"},
		{"comments", "SELECT 1 -- 'secret\n, 2 /* secret */ FROM a", "SELECT ? , ? FROM a"},
		{"spaces", "SELECT\n\t1  FROM   a ", "SELECT ? FROM a"},
		{"a text that does not end", "SELECT 'secret", "SELECT ?"},
		{"a name that does not end", "SELECT `secret", "SELECT ?"},
		{"a comment that does not end", "SELECT a /* secret", "SELECT a"},
		{"a table for one statement", "WITH `a__pb_create__xY12` AS (SELECT 1) SELECT `a__pb_create__xY12`.`b`", "WITH `a__pb_create` AS (SELECT ?) SELECT `a__pb_create`.`b`"},
		{"nothing", "", ""},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			if got := traces.StatementText(c.query, 1000); got != c.want {
				t.Errorf("got %q, want %q", got, c.want)
			}
		})
	}
	if got := traces.StatementText("SELECT "+strings.Repeat("ä, ", 10_000), 2048); len(got) > 2048 || !utf8.ValidString(got) {
		t.Errorf("got %d bytes, valid %t", len(got), utf8.ValidString(got))
	}
}

func FuzzStatementText(f *testing.F) {
	f.Add("SELECT ", " FROM a")
	f.Add("SELECT \"a\" || ", " -- x")
	f.Add("WITH a__pb_create__x AS ", "")
	f.Fuzz(func(t *testing.T, before, after string) {
		got := traces.StatementText(before+after, 64)
		if len(got) > 64 || !utf8.ValidString(got) {
			t.Fatalf("got %q", got)
		}
		if strings.ContainsAny(before, "'\"`[]-/*") {
			return // whatever follows may be part of something else
		}
		if got := traces.StatementText(before+" '"+secret+"' "+after, 1<<20); strings.Contains(got, secret) {
			t.Fatalf("got %q", got)
		}
	})
}

func TestStatementsOfOneRequestAreBounded(t *testing.T) {
	t.Parallel()
	w := newWorld(t, traces.Config{Ratio: 1, MaxStatements: 2}, parts{})
	w.ask(t, http.MethodPost, orders, `{"title":"x"}`)
	request, _ := w.find(t, "POST /api/collections/{collection}/records")
	statements := 0
	for _, s := range w.collector.Spans(request.TraceID) {
		if s.Attributes["db.system.name"] != "" {
			statements++
		}
	}
	if left := request.Attributes["holdall.statements_left_out"]; left == "" || left == "0" {
		t.Errorf("%q statements of the request were left out, want some", left)
	}
	if statements > 6 {
		t.Errorf("got %d statements, want two at most of the request, of its job and of the delivery", statements)
	}
}

func TestHistogramsNameTraces(t *testing.T) {
	t.Parallel()
	w := newWorld(t, traces.Config{Ratio: 1}, parts{})
	w.ask(t, http.MethodPost, orders, `{"title":"x"}`)
	request, _ := w.find(t, "POST /api/collections/{collection}/records")
	want := `# {trace_id="` + request.TraceID + `"}`
	metrics := w.read(t, observe.Path, "Authorization", w.root, "Accept", "application/openmetrics-text")
	for _, name := range []string{"holdall_http_request_duration_seconds", "holdall_db_statement_duration_seconds"} {
		found := false
		for line := range strings.Lines(metrics) {
			found = found || strings.HasPrefix(line, name+"_bucket") && strings.Contains(line, want)
		}
		if !found {
			t.Errorf("%s does not name the trace", name)
		}
	}
}
