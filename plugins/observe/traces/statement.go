package traces

import (
	"context"
	"path/filepath"
	"strings"

	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/codes"
	"go.opentelemetry.io/otel/trace"

	"github.com/holdall-go/holdall/internal/sqlite"
)

// Statement records a statement that has run, if whoever ran it is recorded, and
// returns the trace then. It is a listener of the engine that opens the databases.
func (t *Tracer) Statement(s sqlite.Statement) (traceID string) {
	sc := at(s.Context)
	if !sc.IsSampled() {
		return ""
	}
	t.statement(here(s.Context), s)
	return sc.TraceID().String()
}

func (t *Tracer) statement(ctx context.Context, s sqlite.Statement) {
	if w, ok := ctx.Value(workKey{}).(*work); ok && w.statements.Add(1) > int64(t.config.MaxStatements) {
		return
	}
	text := statementText(s.Query, maxAttribute)
	operation, table := about(s.Kind, text)
	name := operation
	if table != "" {
		name += " " + table
	}
	attrs := []attribute.KeyValue{
		attribute.String("db.system.name", "sqlite"), attribute.String("db.operation.name", operation),
		attribute.String("db.namespace", strings.TrimSuffix(filepath.Base(s.Path), ".db")),
	}
	if table != "" {
		attrs = append(attrs, attribute.String("db.collection.name", table))
	}
	if text != "" {
		attrs = append(attrs, attribute.String("db.query.text", text))
	}
	_, span := t.tracer.Start(ctx, name, trace.WithSpanKind(trace.SpanKindClient),
		trace.WithTimestamp(s.Started), trace.WithAttributes(attrs...))
	if s.Err != nil {
		span.SetStatus(codes.Error, "")
	}
	span.End(trace.WithTimestamp(s.Started.Add(s.Took)))
}

// about names what a statement does, and the table that it is about as far as that is
// easily seen: the first one.
func about(kind sqlite.Kind, text string) (operation, table string) {
	switch kind {
	case sqlite.Begin:
		return "BEGIN", ""
	case sqlite.Commit:
		return "COMMIT", ""
	}
	words := strings.Fields(text)
	if len(words) == 0 {
		return strings.ToUpper(string(kind)), ""
	}
	operation = strings.ToUpper(words[0])
	if !isWord(operation) {
		operation = strings.ToUpper(string(kind))
	}
	for i, w := range words[:len(words)-1] {
		switch strings.ToUpper(w) {
		case "FROM", "INTO", "UPDATE", "TABLE":
			if name := strings.Trim(words[i+1], "`\"[](),;"); isName(name) {
				return operation, name
			}
		}
	}
	return operation, ""
}

func isWord(s string) bool {
	return s != "" && len(s) <= 20 && strings.Trim(s, "ABCDEFGHIJKLMNOPQRSTUVWXYZ") == ""
}

// isName tells whether it is a name as programs give them, and no value that is where
// a name should be.
func isName(s string) bool {
	if s == "" || len(s) > 100 {
		return false
	}
	for i := range len(s) {
		c := s[i]
		if c != '_' && (c < 'a' || c > 'z') && (c < 'A' || c > 'Z') && (i == 0 || c < '0' || c > '9') {
			return false
		}
	}
	return true
}

// statementText is a statement with question marks in the place of all values that
// are written into it, and without comments, at most limit bytes long.
func statementText(query string, limit int) string {
	var out strings.Builder
	out.Grow(min(len(query), limit))
	for i := 0; i < len(query) && out.Len() < limit; {
		c := query[i]
		switch {
		case c == '\'':
			i = endOfQuoted(query, i, '\'')
			out.WriteByte('?')
		case c == '"', c == '`', c == '[':
			// SQLite takes what is no name in double quotes for a text
			end := endOfQuoted(query, i, closing(c))
			if name := query[i+1 : max(end-1, i+1)]; isName(name) && query[end-1] == closing(c) {
				out.WriteString(query[i:end])
			} else {
				out.WriteByte('?')
			}
			i = end
		case strings.HasPrefix(query[i:], "--"):
			i = after(query, i, "\n")
			out.WriteByte(' ')
		case strings.HasPrefix(query[i:], "/*"):
			i = after(query, i+2, "*/")
			out.WriteByte(' ')
		case c >= '0' && c <= '9':
			i = endOfWord(query, i)
			out.WriteByte('?')
		case isPartOfWord(c):
			end := endOfWord(query, i)
			if end < len(query) && query[end] == '\'' { // x'00'
				end = i + 1
			}
			out.WriteString(query[i:end])
			i = end
		default:
			out.WriteByte(c)
			i++
		}
	}
	text := unnumbered(strings.Join(strings.Fields(out.String()), " "))
	if len(text) > limit {
		text = text[:limit]
	}
	return strings.ToValidUTF8(text, "")
}

// passing begins what PocketBase adds to the name of a table that it makes up for one
// statement. What follows is random.
const passing = "__pb_create__" //nolint:gosec // no password, though it begins like one

// unnumbered is a text without what is different in each statement of a kind.
func unnumbered(text string) string {
	first := strings.Index(text, passing)
	if first < 0 {
		return text
	}
	end := endOfWord(text, first)
	return strings.ReplaceAll(text, text[first:end], passing[:len(passing)-2])
}

func closing(quote byte) byte {
	if quote == '[' {
		return ']'
	}
	return quote
}

// endOfQuoted returns where what begins with a quote at i ends. A quote that is there
// twice is part of it.
func endOfQuoted(query string, i int, quote byte) int {
	for i++; i < len(query); i++ {
		if query[i] != quote {
			continue
		}
		if i+1 < len(query) && query[i+1] == quote && quote != ']' {
			i++
			continue
		}
		return i + 1
	}
	return len(query)
}

// endOfWord returns where a word or a number that begins at i ends.
func endOfWord(query string, i int) int {
	number := query[i] >= '0' && query[i] <= '9'
	for i < len(query) && (isPartOfWord(query[i]) || number && query[i] == '.') {
		i++
	}
	return i
}

func isPartOfWord(c byte) bool {
	return c == '_' || c == '$' || c >= 0x80 || c >= '0' && c <= '9' || c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z'
}

// after returns where the text behind the next mark begins.
func after(query string, i int, mark string) int {
	if n := strings.Index(query[i:], mark); n >= 0 {
		return i + n + len(mark)
	}
	return len(query)
}
