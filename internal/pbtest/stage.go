package pbtest

import (
	"bytes"
	"encoding/json"
	"fmt"
	"mime/multipart"
	"net/http"
	"slices"
	"strings"
	"testing"

	"github.com/pocketbase/dbx"
	"github.com/pocketbase/pocketbase/core"
)

// File is an upload as a value of a body.
type File struct {
	Name    string
	Content []byte
}

// stage is one app of a world with the people ready to act on it.
type stage struct {
	app     core.App
	handler http.Handler
	people  map[string]string
	tokens  map[string]string
}

func newStage(tb testing.TB, w World) *stage {
	tb.Helper()
	app := w.New(tb)
	return &stage{app: app, handler: Handler(tb, app), people: w.People, tokens: map[string]string{Guest: ""}}
}

// do sends the request as the person.
func (s *stage) do(tb testing.TB, as, method, path string, body map[string]any) Response {
	tb.Helper()
	r := Request{Method: method, Path: path, Token: s.token(tb, as)}
	if body != nil {
		filled := s.fill(as, body)
		r.Body = filled
		if hasFile(filled) {
			r.Body, r.ContentType = form(tb, filled)
		}
	}
	return Do(tb, s.handler, r)
}

func (s *stage) token(tb testing.TB, as string) string {
	tb.Helper()
	if token, ok := s.tokens[as]; ok {
		return token
	}
	collection, id, ok := strings.Cut(s.people[as], "/")
	if !ok {
		tb.Fatalf("nobody is called %q in this world", as)
	}
	record, err := s.app.FindRecordById(collection, id)
	if err != nil {
		tb.Fatalf("find %s (%s): %v", as, s.people[as], err)
	}
	s.tokens[as] = Token(tb, record)
	return s.tokens[as]
}

// fill returns the body with the person's id in place of [Self].
func (s *stage) fill(as string, body map[string]any) map[string]any {
	_, id, _ := strings.Cut(s.people[as], "/")
	result := make(map[string]any, len(body))
	for name, value := range body {
		if value == Self {
			value = id
		}
		result[name] = value
	}
	return result
}

func hasFile(body map[string]any) bool {
	for _, value := range body {
		if _, ok := value.(File); ok {
			return true
		}
	}
	return false
}

// form encodes the body as a multipart form.
func form(tb testing.TB, body map[string]any) (*bytes.Buffer, string) {
	tb.Helper()
	buffer := new(bytes.Buffer)
	writer := multipart.NewWriter(buffer)
	fields := map[string]any{}
	for name, value := range body {
		file, ok := value.(File)
		if !ok {
			fields[name] = value
			continue
		}
		part, err := writer.CreateFormFile(name, file.Name)
		if err == nil {
			_, err = part.Write(file.Content)
		}
		if err != nil {
			tb.Fatalf("encode the file %s: %v", name, err)
		}
	}
	// PocketBase reads this field as the rest of the body
	rest, err := json.Marshal(fields)
	if err == nil {
		err = writer.WriteField("@jsonPayload", string(rest))
	}
	if err == nil {
		err = writer.Close()
	}
	if err != nil {
		tb.Fatalf("encode the form: %v", err)
	}
	return buffer, writer.FormDataContentType()
}

// answersRecord checks that the answer is the record with the id.
func (s *stage) answersRecord(tb testing.TB, answer Response, id string) error {
	tb.Helper()
	var record struct{ ID string }
	answer.JSON(tb, &record)
	if record.ID != id {
		return fmt.Errorf("answered record: got %q, want %q", record.ID, id)
	}
	return nil
}

// holds checks that the stored record has the values of the body. Passwords and
// uploads are not compared.
func (s *stage) holds(collection, id, as string, body map[string]any) error {
	record, err := s.app.FindRecordById(collection, id)
	if err != nil {
		return fmt.Errorf("find the record afterwards: %w", err)
	}
	for name, want := range s.fill(as, body) {
		field := record.Collection().Fields.GetByName(name)
		if field == nil || field.Type() == core.FieldTypeFile || field.Type() == core.FieldTypePassword {
			continue
		}
		wanted, err := field.PrepareValue(core.NewRecord(record.Collection()), want)
		if err != nil {
			return fmt.Errorf("field %s: %w", name, err)
		}
		if got, want := fmt.Sprint(record.Get(name)), fmt.Sprint(wanted); got != want {
			return fmt.Errorf("stored %s: got %s, want %s", name, got, want)
		}
	}
	return nil
}

// rows returns the collection's rows as text, for comparing.
func (s *stage) rows(tb testing.TB, collection string) string {
	tb.Helper()
	var rows []dbx.NullStringMap
	if err := s.app.DB().Select("*").From(collection).OrderBy("id").All(&rows); err != nil {
		tb.Fatalf("read %s: %v", collection, err)
	}
	var text strings.Builder
	for _, row := range rows {
		names := make([]string, 0, len(row))
		for name := range row {
			names = append(names, name)
		}
		slices.Sort(names)
		for _, name := range names {
			fmt.Fprintf(&text, "%s=%q ", name, row[name].String)
		}
		text.WriteByte('\n')
	}
	return text.String()
}
