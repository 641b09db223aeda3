package apidoc_test

import (
	"bytes"
	"encoding/json"
	"net/http"
	"net/http/httptest"
	"net/url"
	"reflect"
	"strings"
	"testing"
	"time"

	"github.com/pocketbase/pocketbase/core"
	"github.com/pocketbase/pocketbase/tools/types"
	"github.com/santhosh-tekuri/jsonschema/v6"

	"github.com/holdall-go/holdall/internal/apidoc"
	"github.com/holdall-go/holdall/internal/pbtest"
)

// colour is a text with few values.
type colour string

func (colour) Enum() []string { return []string{"red", "blue"} }

// crate is a body with every kind of member that there is.
type crate struct {
	Name    string             `json:"name" minLength:"1" maxLength:"5"`
	Note    string             `json:"note,omitempty" trim:"true" maxLength:"4"`
	Code    *string            `json:"code" pattern:"^[a-z]+$"`
	Mail    string             `json:"mail,omitempty" format:"email"`
	Link    string             `json:"link,omitempty" format:"uri"`
	Day     string             `json:"day,omitempty" format:"date"`
	At      string             `json:"at,omitempty" format:"date-time"`
	Moment  time.Time          `json:"moment,omitzero"`
	Stored  types.DateTime     `json:"stored,omitzero"`
	Text    apidoc.Moment      `json:"text,omitempty"`
	Colour  colour             `json:"colour,omitempty"`
	Kind    string             `json:"kind,omitempty" enum:"box,letter"`
	Label   string             `json:"label,omitempty" null:"absent" maxLength:"3"`
	Class   string             `json:"class,omitempty" null:"absent" enum:"first,second" default:"second"`
	Level   int                `json:"level,omitempty" enum:"1,2"`
	Count   int8               `json:"count,omitempty" minimum:"-3" maximum:"3"`
	Size    uint               `json:"size,omitempty"`
	Mass    *float64           `json:"mass,omitempty" minimum:"0.5"`
	Sealed  bool               `json:"sealed,omitempty" default:"true"`
	Tags    []colour           `json:"tags,omitempty" minItems:"1" maxItems:"2"`
	Words   []string           `json:"words,omitempty" maxLength:"2"`
	Parts   []part             `json:"parts,omitempty" maxItems:"2"`
	Inner   *part              `json:"inner,omitempty"`
	Amounts map[string]float64 `json:"amounts,omitempty"`
	Raw     json.RawMessage    `json:"raw,omitempty"`
	Any     any                `json:"any,omitempty"`
	Loose   loose              `json:"loose,omitzero"`
	part
}

type part struct {
	Width int   `json:"width,omitempty" minimum:"1"`
	Part  *part `json:"part,omitempty"`
}

type loose struct {
	apidoc.Open
	Known string `json:"known,omitempty" maxLength:"2"`
}

type crateRequest struct {
	ID     string   `path:"id" maxLength:"3"`
	Copies int      `query:"copies" minimum:"1" default:"1"`
	Tags   []colour `query:"tag" maxItems:"2"`
	Format *string  `query:"format" enum:"json,csv"`
	Text   string   `query:"q" trim:"true" maxLength:"3"`
	Trace  string   `header:"X-Trace"`
	Body   crate
}

func bindCrates(app core.App) error {
	app.OnServe().BindFunc(func(e *core.ServeEvent) error {
		apidoc.Route(apidoc.On(e), apidoc.Op{Method: "POST", Path: "/api/crates/{id}", MaxBody: 4 << 10},
			func(_ *core.RequestEvent, in *crateRequest) (*crateRequest, error) { return in, nil })
		return e.Next()
	})
	return nil
}

// components names the schemas of types as a document does.
type components map[string]*apidoc.Schema

func (c components) Define(t reflect.Type, input bool, build func() *apidoc.Schema) *apidoc.Schema {
	name := t.Name()
	if input {
		name += "Input"
	}
	if _, ok := c[name]; !ok {
		c[name] = nil
		c[name] = build()
	}
	return apidoc.Ref(name)
}

func (c components) Record(string) *apidoc.Schema { return &apidoc.Schema{Type: "object"} }

// compile makes the schema of the body of a request into one that checks.
func compile(tb testing.TB, in reflect.Type) *jsonschema.Schema {
	tb.Helper()
	all := components{}
	_, all["Body"] = apidoc.Parameters(all, in)
	document := apidoc.Document{Components: apidoc.Components{Schemas: all}}
	decoded, err := jsonschema.UnmarshalJSON(bytes.NewReader(document.AppendJSON(nil)))
	if err != nil {
		tb.Fatal(err)
	}
	compiler := jsonschema.NewCompiler()
	compiler.DefaultDraft(jsonschema.Draft2020)
	compiler.AssertFormat()
	if err := compiler.AddResource("urn:api", decoded); err != nil {
		tb.Fatal(err)
	}
	compiled, err := compiler.Compile("urn:api#/components/schemas/Body")
	if err != nil {
		tb.Fatal(err)
	}
	return compiled
}

// trimmed is the body as its limits are looked at: without the white space around
// what is trimmed.
func trimmed(tb testing.TB, body []byte) any {
	tb.Helper()
	value, err := jsonschema.UnmarshalJSON(bytes.NewReader(body))
	if err != nil {
		tb.Fatalf("what was accepted is no JSON: %v", err)
	}
	if object, ok := value.(map[string]any); ok {
		if note, ok := object["note"].(string); ok {
			object["note"] = strings.TrimSpace(note)
		}
	}
	return value
}

// FuzzRequests sends anything. Nothing makes the decoder fail, what it refuses is
// told by field, and what it accepts is what the document says.
func FuzzRequests(f *testing.F) {
	for _, seed := range []string{
		`{"name":"Ada","code":null}`,
		`{"name":"Ada","code":"a","note":" abcd ","mail":"a@example.com","link":"https://example.com","day":"2026-01-31","at":"2026-01-31T08:30:00Z"}`,
		`{"name":"Ada","moment":"2026-01-31T08:30:00+01:00","stored":"2026-01-31 08:30:00.000Z","text":"","colour":"red","kind":"box","level":2}`,
		`{"name":"Ada","count":-3,"size":7,"mass":0.5,"sealed":false,"tags":["red"],"words":["ab"],"parts":[{"width":1,"part":{}}],"inner":null}`,
		`{"name":"Ada","amounts":{"a":1e3},"raw":[1],"any":{"a":[null]},"loose":{"known":"a","more":1},"width":2,"part":{"width":3}}`,
		`{"name":"","code":"A","mail":"","link":"example.com","day":"2026-02-30","at":"x","stored":"x","text":"x","colour":"","tags":[],"words":["abc"]}`,
		`{"name":"a\u0000","name":"b","unknown":1,"parts":[{"width":0},{"x":1},{}],"loose":{"known":"abc"}}`,
		`{"name":"Ada","moment":"0000-01-01T0:00:00Z"}`, `[]`, `null`, ``, `{"name":1e999}`, "\"\xff\"",
	} {
		f.Add("a", "copies=2&tag=red&format=csv&q=+ab+", []byte(seed))
	}
	f.Add("abcd", "copies=x&copies=1&tag=green&format=&q=%ff", []byte(`{}`))
	schema := compile(f, reflect.TypeFor[crateRequest]())
	handler := pbtest.Handler(f, pbtest.New(f, bindCrates))
	f.Fuzz(func(t *testing.T, id, query string, body []byte) {
		request := httptest.NewRequest(http.MethodPost, "/api/crates/x", bytes.NewReader(body))
		request.URL = &url.URL{Path: "/api/crates/x" + strings.ReplaceAll(id, "/", ""), RawQuery: query}
		request.Header.Set("Content-Type", "application/json")
		answer := httptest.NewRecorder()
		handler.ServeHTTP(answer, request)
		switch answer.Code {
		case 200:
			if err := schema.Validate(trimmed(t, body)); err != nil {
				t.Errorf("%s is accepted: %v", body, err)
			}
		case 400:
			var refusal struct {
				Message string
				Data    map[string]any
			}
			if err := json.Unmarshal(answer.Body.Bytes(), &refusal); err != nil {
				t.Fatal(err)
			}
			if refusal.Message == "" || len(refusal.Data) == 0 {
				t.Errorf("a refusal without a reason: %s", answer.Body)
			}
		case 413, 404, 301, 307: // of a path that the router cleans
		default:
			t.Errorf("got %d %s", answer.Code, answer.Body)
		}
	})
}
