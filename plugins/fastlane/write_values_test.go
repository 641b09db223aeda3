package fastlane_test

import (
	"fmt"
	"slices"
	"strings"

	"github.com/pocketbase/pocketbase/core"
)

// writeRules are of every kind: of the request, of its body as it was sent and as it
// changes what is there, of the record, of what it is related to, of the caller.
var writeRules = []*string{
	text(""), text("@request.auth.id != ''"), nil, text("@request.body.title != 'no'"), text("@request.body.title:isset = false || title != ''"),
	text("@request.body.amount:isset = true || amount > 1"), text("@request.body.title:changed = false"), text("@request.body.owner = @request.auth.id || owner = ''"),
	text("owner = @request.auth.id"), text("owner.role = 'owner' || owner = ''"), text("@request.auth.role = 'owner' || @request.auth.role = ''"), text("tags.label ?= 'red' || tags:length = 0"),
	text("@request.body.tags:length < 2"), text("@request.body.tags:each ?= 'tag000000000001' || @request.body.tags:isset = false"), text("marks:each ?= 'a' || marks:length < 2"),
	text("@request.body.owner.role != 'viewer'"), text("@collection.tags.weight ?> amount"), text("@request.method = 'POST' || state != 'closed'"), text("@request.query.open = 'yes' || done = false"),
	text("@request.headers.x_open = 'yes' || amount < 5"), text("@now > '2025-01-01 00:00:00.000Z' && created < @tomorrow"), text("@request.context = 'default'"), text("@request.context = 'batch' || title != 'plain'"),
	text("secret != 'x'"), text("@request.body.secret:isset = false"), text("@request.body.data.a != 1"), text("data.a = 1 || data = null || data != 2"), text("@request.auth.verified = true"),
	text("@request.auth.email ~ 'example'"), text("title:lower != 'red' // a comment"), text("id ~ 'given' || id ~ 'row' || id != ''"), text("@request.body.id:isset = false"),
	text("geoDistance(place.lon, place.lat, 1, 2) < 50000"), text("@request.body.unknown = ''"), text("@request.auth.collectionName = 'users'"), text("@request.body.amount >= amount"),
	text("due = '' || due < '2030-01-01 00:00:00.000Z'"), text("strftime('%Y', due) != '2024'"), text("@request.body.amount = null || whole < 9"), text("title ~ @request.auth.id || state = 'open'"),
}

// values are what a type of field takes, and what it does not take, as JSON.
var values = map[string][2][]string{
	core.FieldTypeText: {
		{`"plain"`, `"red"`, `"a b"`, `"closed"`, `""`, `"caf\u00e9 \ud83d\ude00"`, `"<b>&amp;</b>"`, `"ok"`, `"no"`},
		{`5`, `1.50`, `true`, `null`, `[]`, `["a"]`, `{"a":1}`, `"UPPER"`, `"tab\tline\n"`, `"\u2028"`, `"x\u0000y"`, `" plain "`, `1e21`, `12345678901234567890`, `"` + strings.Repeat("long ", 1200) + `"`, `"'; DROP TABLE hot"`},
	},
	core.FieldTypeEditor: {{`"<p>hello</p>"`, `""`, `"plain"`}, {`5`, `null`, `["x"]`, `"<a href=\"/x\">"`, `"much longer than twenty characters"`, `"\u003cscript\u003e"`}},
	core.FieldTypeEmail:  {{`"a@example.com"`, `""`, `"b.c+d@example.com"`}, {`"x"`, `"A@EXAMPLE.COM"`, `"a@other.example"`, `5`, `null`, `"a@b@c"`, `" a@example.com"`, `"\u00fc@example.com"`}},
	core.FieldTypeURL:    {{`"https://example.com"`, `""`, `"https://example.com/a?b=1&c=<>"`}, {`"x"`, `"example.com"`, `"ftp://other.example"`, `5`, `null`, `"javascript:alert(1)"`, `"https://ex ample.com"`}},
	core.FieldTypeNumber: {
		{`1`, `2`, `5`, `0`, `1.5`, `-3`, `7`, `10`},
		{`"5"`, `"x"`, `""`, `null`, `true`, `[1]`, `{}`, `1e21`, `1e-7`, `-0`, `0.1`, `12345678901234567890`, `9007199254740993`, `1e308`, `"1e5"`, `" 5"`, `"0x1f"`, `"NaN"`, `"Inf"`, `1.0`, `1E2`, `"1_000"`, `"010"`, `99`},
	},
	core.FieldTypeBool: {{`true`, `false`}, {`"true"`, `"1"`, `1`, `0`, `null`, `"yes"`, `[]`, `"TRUE"`, `"t"`, `2`, `""`}},
	core.FieldTypeDate: {
		{`"2024-01-02 03:04:05.678Z"`, `"2024-01-02"`, `""`, `"2025-12-31 23:59:59.999Z"`},
		{`"x"`, `0`, `1700000000`, `null`, `"2024-01-02T03:04:05+02:00"`, `"9999-12-31 23:59:59.999Z"`, `"0000-01-01 00:00:00.000Z"`, `true`, `["2024-01-02"]`, `"2024-02-30"`, `"12:00"`, `1.7e9`, `"1700000000"`, `{}`, `"2024-01-02 03:04"`, `"Tue, 02 Jan 2024 03:04:05 GMT"`},
	},
	core.FieldTypeJSON: {
		{`{"a":1}`, `[1,2,3]`, `null`, `"text"`, `5`, `true`, `{"b":{"c":[null,"<&>"]}}`, `[]`, `{}`},
		{`"{\"a\":1}"`, `"[1]"`, `""`, `"null"`, `"true"`, `"5"`, `1.0`, `1e2`, `12345678901234567890`, `{"z":1,"a":2,"a":3}`, `" {\"a\" : 1} "`, `"{bad"`, `{"a":"much more than thirty bytes of text"}`, `"\"x\""`, `"\u2028"`, `-0`, `1e400`},
	},
	core.FieldTypeGeoPoint: {
		{`{"lon":1,"lat":2}`, `{"lon":1.5,"lat":-2.25}`, `{"lon":0,"lat":0}`},
		{`{"lon":"1","lat":"2"}`, `{"lon":500,"lat":0}`, `{"lon":0,"lat":91}`, `null`, `"x"`, `[1,2]`, `"{\"lon\":1,\"lat\":2}"`, `{"lon":1,"lat":2,"x":3}`, `{"lon":1}`, `{}`, `5`, `""`, `{"lon":1e-9,"lat":1e2}`, `true`},
	},
	core.FieldTypeSelect: {
		nil,
		{`"nope"`, `["open"]`, `["open","closed"]`, `null`, `5`, `["a","a"]`, `"[\"a\",\"b\"]"`, `["z"]`, `[1]`, `{}`, `[""]`, `["a",null]`, `true`, `"a,b"`, `[["a"]]`, `{"a":"b"}`},
	},
	core.FieldTypePassword: {{`"12345678"`}, {`""`, `null`}},
	core.FieldTypeFile:     {{`""`, `[]`, `null`}, {`"a0000.txt"`, `["a0000.txt"]`, `["x.png"]`, `5`, `{}`, `"[\"a0000.txt\"]"`, `["a0000.txt","a0000.txt"]`}},
	core.FieldTypeAutodate: {{`""`, `null`}, {`"2020-01-01 00:00:00.000Z"`, `5`, `true`, `[]`}},
}

// value is one that a field mostly takes.
func (g *grammar) value(field core.Field) string {
	if g.odds(60) {
		return g.anything()
	}
	if relation, ok := field.(*core.RelationField); ok {
		return g.relation(relation)
	}
	if field.GetName() == core.FieldNameEmail {
		g.given++
		return pickFrom(g.Rand, []string{fmt.Sprintf(`"mine%d@example.com"`, g.given), fmt.Sprintf(`"mine%d@example.com"`, g.given), `"users1@example.com"`, `""`, `"Users1@Example.com"`})
	}
	if field.GetName() == "label" && g.IntN(2) == 0 {
		g.given++
		return fmt.Sprintf(`"label %d"`, g.given)
	}
	all, known := values[field.Type()]
	options, isSelect := field.(*core.SelectField)
	switch {
	case !known:
		return g.anything()
	case g.odds(10) || len(all[0]) == 0 && !isSelect:
		return pickFrom(g.Rand, all[1])
	case isSelect:
		return g.options(options)
	}
	return pickFrom(g.Rand, all[0])
}

// options are some of those that a field has.
func (g *grammar) options(field *core.SelectField) string {
	first := quote(pickFrom(g.Rand, field.Values))
	switch {
	case g.odds(8):
		return pickFrom(g.Rand, []string{`""`, `null`, `[]`})
	case !field.IsMultiple() || g.IntN(3) == 0:
		return first
	}
	if second := quote(pickFrom(g.Rand, field.Values)); second != first {
		return "[" + first + "," + second + "]"
	}
	return "[" + first + "]"
}

// anything is a value of no certain type.
func (g *grammar) anything() string {
	return pickFrom(g.Rand, []string{`null`, `""`, `"x"`, `0`, `-1`, `1.5`, `1e300`, `true`, `false`, `[]`, `{}`, `[null]`, `["x",1]`, `{"a":{"b":[1]}}`, `"\ud83d\ude00"`, `"null"`, `[[]]`})
}

// relation names records, most of which are there.
func (g *grammar) relation(field *core.RelationField) string {
	to, err := g.of.sides[0].app.FindCachedCollectionByNameOrId(field.CollectionId)
	if err != nil || g.odds(12) {
		return pickFrom(g.Rand, []string{`null`, `""`, `[]`, `5`, `"missing00000000"`, `["missing00000000"]`, `{}`, `[""]`, `"a\"b"`, `[null]`, `true`, `"[]"`})
	}
	if !field.IsMultiple() && !g.odds(12) {
		return quote(g.id(to.Name))
	}
	var ids []string
	for range g.IntN(4) {
		if id := g.id(to.Name); g.odds(10) || !slices.Contains(ids, id) {
			ids = append(ids, id)
		}
	}
	for i := range ids {
		ids[i] = quote(ids[i])
	}
	if len(ids) == 1 && g.IntN(2) == 0 {
		return ids[0]
	}
	return "[" + strings.Join(ids, ",") + "]"
}
