package apidoc_test

import (
	"encoding/json"
	"fmt"
	"net/http"
	"net/http/httptest"
	"reflect"
	"slices"
	"strings"
	"testing"
	"testing/iotest"

	"github.com/pocketbase/pocketbase/core"

	"github.com/holdall-go/holdall/internal/apidoc"
	"github.com/holdall-go/holdall/internal/pbtest"
)

// Codes of what is wrong, by field, and for what is fine the request as the
// handler got it.
func TestRequests(t *testing.T) {
	t.Parallel()
	handler := pbtest.Handler(t, pbtest.New(t, bindCrates))
	many := make([]string, 200)
	for i := range many {
		many[i] = fmt.Sprintf(`"f%d":1`, i)
	}
	cases := []struct {
		name, query, members string // of the body besides a name and no code
		want                 string
	}{
		{name: "nothing", want: ""},
		{name: "trimmed", members: `"note":" \n abcd\t"`, want: "note=abcd"},
		{name: "trimmed and too long", members: `"note":" abcde "`, want: "note=validation_length_too_long"},
		{name: "too long by one limit", members: `"loose":{"known":"abc"}`, want: "loose.known=validation_length_too_long"},
		{name: "out of two limits", members: `"name":"abcdef"`, want: "name=validation_length_out_of_range"},
		{name: "empty", members: `"name":""`, want: "name=validation_required"},
		{name: "null for a text", members: `"note":null`, want: "note=validation_invalid_type"},
		{name: "null for a moment", members: `"stored":null,"moment":null,"text":null`, want: "moment=validation_invalid_type stored=validation_invalid_type text=validation_invalid_type"},
		{name: "null for a text that may be absent", members: `"label":null,"class":null`, want: "class=second"},
		{name: "null twice for a text that may be absent", members: `"label":null,"label":"a"`, want: "label=validation_duplicate_field"},
		{name: "null for a pointer", members: `"inner":null`, want: ""},
		{name: "the null character", members: `"note":"a\u0000"`, want: "note=validation_invalid_characters"},
		{name: "a value of a type", members: `"colour":"red"`, want: "colour=red"},
		{name: "none of a type", members: `"colour":"green"`, want: "colour=validation_in_invalid"},
		{name: "none of a type in a list", members: `"tags":["red","green"]`, want: "tags.1=validation_in_invalid"},
		{name: "an empty address", members: `"mail":""`, want: "mail=validation_required"},
		{name: "no absolute address", members: `"link":"example.com"`, want: "link=validation_is_url"},
		{name: "hours of one digit", members: `"at":"2026-01-31T8:30:00Z","moment":"2026-01-31T8:30:00Z"`, want: "at=validation_invalid_date moment=validation_invalid_type"},
		{name: "no moment of PocketBase", members: `"stored":"2026-01-31","text":"2026-01-31"`, want: "stored=validation_invalid_type text=validation_match_invalid"},
		{name: "a moment of PocketBase", members: `"text":"2026-01-31 08:30:00.000Z"`, want: "text=2026-01-31 08:30:00.000Z"},
		{name: "unknown", members: `"more":1`, want: "more=validation_unknown_field"},
		{name: "unknown where it may be", members: `"loose":{"known":"a","more":1}`, want: ""},
		{name: "unknown and twice", members: `"more":1,"more":2`, want: "more=validation_unknown_field"},
		{name: "twice", members: `"note":"a","note":"b"`, want: "note=validation_duplicate_field"},
		{name: "twice in a map", members: `"amounts":{"a":1,"a":2}`, want: "amounts.a=validation_duplicate_field"},
		{name: "an embedded member", members: `"width":0`, want: "width=validation_min_greater_equal_than_required"},
		{name: "a whole number with a point", members: `"count":2.0,"size":1e1,"level":2.0`},
		{name: "no whole number", members: `"count":2.5,"size":-1.0,"level":1e-1`, want: "count=validation_invalid_type level=validation_invalid_type size=validation_invalid_type"},
		{name: "a whole number that is too large", members: `"count":200.0,"width":1e20`, want: "count=validation_invalid_type width=validation_invalid_type"},
		{name: "a parameter with a space", query: "copies=+2", want: "copies=validation_invalid_type"},
		{name: "a parameter that is null", query: "copies=null+", want: "copies=validation_invalid_type"},
		{name: "a parameter twice", query: "q=a&q=b", want: "q=validation_duplicate_field"},
		{name: "an empty parameter", query: "q=&copies=", want: ""},
		{name: "an empty parameter that is a pointer", query: "format=", want: "format=validation_in_invalid"},
		{name: "a trimmed parameter", query: "q=+abc+", want: ""},
		{name: "a parameter that is no UTF-8", query: "q=%ff", want: ""},
		{name: "a list of a type", query: "tag=red&tag=green", want: "tag=validation_in_invalid"},
	}
	send := func(query, body string) *httptest.ResponseRecorder {
		request := httptest.NewRequest(http.MethodPost, "/api/crates/x?"+query, strings.NewReader(body))
		request.Header.Set("Content-Type", "application/json")
		answer := httptest.NewRecorder()
		handler.ServeHTTP(answer, request)
		return answer
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			body := `{"code":null`
			if !strings.Contains(c.members, `"name"`) {
				body += `,"name":"Ada"`
			}
			if c.members != "" {
				body += "," + c.members
			}
			answer := send(c.query, body+"}")
			var decoded struct{ Body, Data map[string]any }
			if err := json.Unmarshal(answer.Body.Bytes(), &decoded); err != nil {
				t.Fatal(err)
			}
			got := leaves("", decoded.Data)
			if answer.Code == http.StatusOK {
				if name, value, ok := strings.Cut(c.want, "="); ok && decoded.Body[name] != value {
					t.Errorf("got %s, want %s", answer.Body, c.want)
				}
			} else if answer.Code != http.StatusBadRequest || strings.Join(got, " ") != c.want {
				t.Errorf("got %d %s, want %q", answer.Code, answer.Body, c.want)
			}
			if answer.Code == http.StatusOK && strings.Contains(c.want, "=validation_") {
				t.Errorf("accepted, want %s", c.want)
			}
		})
	}
	t.Run("deep", func(t *testing.T) {
		t.Parallel()
		for depth, want := range map[int]int{99: http.StatusOK, 100: http.StatusBadRequest} {
			body := `{"name":"Ada","code":null,"any":"[{\"[{","raw":` + strings.Repeat("[", depth) + strings.Repeat("]", depth) + "}"
			if answer := send("", body); answer.Code != want || want != http.StatusOK && !strings.Contains(answer.Body.String(), apidoc.CodeBodyInvalid) {
				t.Errorf("%d lists within each other: got %d %.200s, want %d", depth, answer.Code, answer.Body, want)
			}
		}
	})
	t.Run("large", func(t *testing.T) {
		t.Parallel()
		body := `{"name":"Ada","code":null` + strings.Repeat(" ", 4<<10) + "}"
		request := httptest.NewRequest(http.MethodPost, "/api/crates/x", iotest.DataErrReader(strings.NewReader(body)))
		request.Header.Set("Content-Type", "application/json")
		answer := httptest.NewRecorder()
		if handler.ServeHTTP(answer, request); answer.Code != http.StatusRequestEntityTooLarge {
			t.Errorf("a body without a length that ends with its last read: got %d %s, want 413", answer.Code, answer.Body)
		}
	})
	t.Run("many", func(t *testing.T) {
		t.Parallel()
		first := send("", "{"+strings.Join(many, ",")+"}").Body.String()
		var decoded struct{ Data map[string]any }
		if err := json.Unmarshal([]byte(first), &decoded); err != nil || len(decoded.Data) != 20 {
			t.Errorf("got %d errors of fields, want 20: %v", len(decoded.Data), err)
		}
		if again := send("", "{"+strings.Join(many, ",")+"}").Body.String(); again != first {
			t.Errorf("the same request gets another answer:\n%s\n%s", first, again)
		}
	})
}

// leaves lists the codes of field errors by their paths.
func leaves(prefix string, data map[string]any) []string {
	var all []string
	for name, value := range data {
		if inner, ok := value.(map[string]any); ok && inner["code"] == nil {
			all = append(all, leaves(prefix+name+".", inner)...)
		} else if ok {
			all = append(all, fmt.Sprintf("%s%s=%v", prefix, name, inner["code"]))
		}
	}
	slices.Sort(all)
	return all
}

type either struct{ left }

func (either) OneOf() []any { return []any{left{}, right{}} }

type left struct {
	Left *core.Record `json:"left" collection:"things"`
}

type right struct {
	Right apidoc.Moment `json:"right"`
}

// What the types say is in their schemas.
func TestSchemas(t *testing.T) {
	t.Parallel()
	all := components{}
	if s := apidoc.SchemaOf(all, reflect.TypeFor[either](), false, ""); s.Ref != "#/components/schemas/either" {
		t.Errorf("a union has no name: %+v", s)
	}
	if got := all["either"].OneOf; len(got) != 2 || got[0].Ref != "#/components/schemas/left" || got[1].Ref != "#/components/schemas/right" {
		t.Errorf("got the forms %+v", got)
	}
	if all["right"].Properties.Get("right").Pattern == "" {
		t.Error("a moment may be any text")
	}
	parameters, body := apidoc.Parameters(all, reflect.TypeFor[crateRequest]())
	if body.Ref != "#/components/schemas/crateInput" {
		t.Errorf("got the body %+v", body)
	}
	crate := all["crateInput"].Properties
	if got, want := crate.Get("colour").Enum, []any{"red", "blue"}; !reflect.DeepEqual(got, want) {
		t.Errorf("got the values %v, want %v", got, want)
	}
	if got, want := crate.Get("tags").Items.Enum, []any{"red", "blue"}; !reflect.DeepEqual(got, want) {
		t.Errorf("got the values of the items %v, want %v", got, want)
	}
	if got, want := crate.Get("code").Type, []string{"string", "null"}; !reflect.DeepEqual(got, want) {
		t.Errorf("a pointer is %v, want %v", got, want)
	}
	if got, want := crate.Get("label").Type, []string{"string", "null"}; !reflect.DeepEqual(got, want) {
		t.Errorf("a text for which null is absent is %v, want %v", got, want)
	}
	if got, want := crate.Get("class").Enum, []any{"first", "second", nil}; !reflect.DeepEqual(got, want) {
		t.Errorf("got the values %v, want %v", got, want)
	}
	if !strings.Contains(crate.Get("note").Description, "White space") {
		t.Error("that a text is trimmed is not told")
	}
	if all["looseInput"].AdditionalProperties != nil || all["partInput"].AdditionalProperties != false {
		t.Error("other members are told of wrongly")
	}
	for _, p := range parameters {
		if p.Name == "format" && !reflect.DeepEqual(p.Schema.Enum, []any{"json", "csv"}) {
			t.Errorf("a parameter that is a pointer has the values %v", p.Schema.Enum)
		}
	}
}

type hiding struct {
	part
	Width string `json:"width"`
}

// A member of an embedded struct is hidden by one of the same name, as in
// encoding/json.
func TestHiddenMembers(t *testing.T) {
	t.Parallel()
	all := components{}
	apidoc.SchemaOf(all, reflect.TypeFor[hiding](), false, "")
	var got []string
	for _, p := range all["hiding"].Properties {
		got = append(got, fmt.Sprint(p.Name, " ", p.Schema.Type))
	}
	if want := []string{"part <nil>", "width string"}; !reflect.DeepEqual(got, want) {
		t.Errorf("got the members %q, want %q", got, want)
	}
}

// What could not be read is found when the route is bound.
func TestMistakes(t *testing.T) {
	t.Parallel()
	for name, in := range map[string]reflect.Type{
		"a request that is no struct": reflect.TypeFor[string](),
		"a pattern that is none": reflect.TypeFor[struct {
			Body struct {
				A string `json:"a" pattern:"["`
			}
		}](),
		"null for what must be there": reflect.TypeFor[struct {
			Body struct {
				A string `json:"a" null:"absent"`
			}
		}](),
		"null for a list": reflect.TypeFor[struct {
			Body struct {
				A []string `json:"a,omitempty" null:"absent"`
			}
		}](),
		"a default that is none": reflect.TypeFor[struct {
			A int `query:"a" default:"b"`
		}](),
		"a parameter that is an object": reflect.TypeFor[struct {
			A part `query:"a"`
		}](),
		"a list of a fixed length": reflect.TypeFor[struct{ Body [2]string }](),
		"names that are numbers":   reflect.TypeFor[struct{ Body map[int]string }](),
		"a function": reflect.TypeFor[struct {
			Body struct {
				A func() `json:"a"`
			}
		}](),
		"an embedded pointer that cannot be set": reflect.TypeFor[struct{ *organized }](),
		"one in the body":                        reflect.TypeFor[struct{ Body struct{ *part } }](),
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			defer func() {
				if recover() == nil {
					t.Error("it is accepted")
				}
			}()
			apidoc.Parameters(components{}, in)
		})
	}
}

type organized struct {
	ID string `path:"id"`
}

func BenchmarkRoute(b *testing.B) {
	handler := pbtest.Handler(b, pbtest.New(b, bindCrates))
	const body = `{"name":"Ada","code":"a","note":"a","mail":"a@example.com","tags":["red"],"parts":[{"width":1},{"width":2}]}`
	for b.Loop() {
		request := httptest.NewRequest(http.MethodPost, "/api/crates/x?copies=2", strings.NewReader(body))
		request.Header.Set("Content-Type", "application/json")
		answer := httptest.NewRecorder()
		if handler.ServeHTTP(answer, request); answer.Code != http.StatusOK {
			b.Fatal(answer.Body)
		}
	}
}
