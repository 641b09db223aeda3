package fastlane_test

import (
	"bytes"
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"mime/multipart"
	"net/url"
	"slices"
	"strings"

	"github.com/pocketbase/pocketbase/core"
)

// request is one as both apps get it, but for ids that they have made up.
type request struct {
	method, path, contentType, body, token string
	open                                   string   // a header that rules speak of
	references                             []string // ids that apps have made up
}

// writeCollections are those that requests are about.
var writeCollections = func() []string {
	names := []string{"hot", "strict", "files", "kids", "grand", "tags", "users", "staff"}
	for n := range ruledCollections {
		names = append(names, fmt.Sprintf("ruled%d", n))
	}
	return names
}()

// grammar makes requests.
type grammar struct {
	*rand.Rand
	of         *twins
	references []string
	given      int
	wild       bool // the request is odd in many ways, and not in few
}

// odds is how likely something odd is: one in n for wild requests, and less for others.
func (g *grammar) odds(n int) bool {
	if !g.wild {
		n *= 8
	}
	return g.IntN(n) == 0
}

// one makes a request.
func (g *grammar) one() request {
	g.references, g.wild = nil, g.IntN(3) == 0
	r := request{contentType: "application/json", token: g.caller()}
	if g.odds(6) {
		r.open = "yes"
	}
	if g.IntN(6) == 0 {
		r.method, r.path, r.body, r.contentType = "POST", "/api/batch", g.batch(), "application/json"
		if g.odds(12) {
			r.contentType, r.body = multipartOf(func(m *multipart.Writer) { _ = m.WriteField("@jsonPayload", r.body) })
		}
	} else {
		r.method, r.path = g.target(g.collection())
		if r.method == "POST" || r.method == "PATCH" || g.odds(20) {
			r.contentType, r.body = g.encoded(r)
		}
	}
	if g.odds(60) {
		r.method = pickFrom(g.Rand, []string{"PUT", "HEAD", "OPTIONS", "GET", "patch"})
	}
	r.references = g.references
	return r
}

// caller is mostly somebody whom rules know.
func (g *grammar) caller() string {
	if !g.odds(4) {
		return g.of.tokens[2+g.IntN(3)]
	}
	return pickFrom(g.Rand, g.of.tokens)
}

func (g *grammar) collection() string {
	if !g.wild {
		return pickFrom(g.Rand, []string{"hot", "hot", "strict", "kids", "tags", "grand", "ruled0", "ruled1", "ruled2", "ruled3", "ruled4"})
	}
	switch g.IntN(24) {
	case 0:
		return pickFrom(g.Rand, []string{"shown", "nothing", "HOT", core.CollectionNameSuperusers, "_externalAuths"})
	case 1, 2, 3, 4, 5, 6, 7, 8:
		return "hot"
	case 9, 10, 11, 12, 13, 14, 15:
		return fmt.Sprintf("ruled%d", g.IntN(ruledCollections))
	}
	return pickFrom(g.Rand, writeCollections[:8])
}

// target is a method and the path of a record or of a collection.
func (g *grammar) target(collection string) (method, path string) {
	base := "/api/collections/" + collection + "/records"
	method = pickFrom(g.Rand, []string{"POST", "POST", "POST", "PATCH", "PATCH", "PATCH", "DELETE"})
	if method != "POST" {
		id := g.id(collection)
		if method == "DELETE" && strings.HasPrefix(id, "users000000000") {
			id = "missing00000000" // who asks is needed
		}
		base += "/" + url.PathEscape(id)
	}
	return method, base + g.query()
}

func (g *grammar) query() string {
	if !g.odds(5) {
		return ""
	}
	switch g.IntN(3) {
	case 0:
		return "?expand=" + pickFrom(g.Rand, []string{"owner", "tags", "owner,tags", "self", "kids_via_of", "of", "unknown", "owner.x", "of.owner"})
	case 1:
		return "?fields=" + pickFrom(g.Rand, []string{"id", "id,title", "*", "title:excerpt(3)", "data.a", "*,expand.owner.id", "", "email,secret"})
	case 2:
		return "?" + pickFrom(g.Rand, []string{"open=yes", "open=no", "x", "filter=id=1", "a=%zz", "fields=title&expand=owner"})
	}
	return ""
}

// id is mostly that of a record, often of one of the last.
func (g *grammar) id(collection string) string {
	from := g.of.known[collection]
	if gone := g.of.gone[collection]; g.odds(30) {
		from = gone
	}
	if len(from) == 0 || g.odds(40) {
		return pickFrom(g.Rand, []string{"missing00000000", "x", "ROW000000000001", "row000000000001 ", "a'b", "%00", "\u00fc"})
	}
	id := pickFrom(g.Rand, from)
	if g.IntN(2) == 0 {
		id = from[max(0, len(from)-1-g.IntN(8))]
	}
	if g.of.made[id] && !slices.Contains(g.references, id) {
		g.references = append(g.references, id)
	}
	return id
}

// member is a name and a value of a body, as JSON.
type member struct{ name, value string }

// members make a body for a collection.
func (g *grammar) members(collection string, isNew bool) (members []member) {
	c, err := g.of.sides[0].app.FindCachedCollectionByNameOrId(collection)
	if err != nil {
		return []member{{"title", `"x"`}}
	}
	share := 2 + g.IntN(5) // of ten
	if collection == "strict" && isNew {
		share = 9
	}
	for _, field := range c.Fields {
		name := field.GetName()
		switch {
		case name == core.FieldNameId:
			if isNew && g.IntN(3) == 0 || g.odds(30) {
				members = append(members, member{name, g.newID(collection)})
			}
		case g.IntN(10) < share:
			members = append(members, g.modified(field))
		}
	}
	if c.IsAuth() {
		members = g.passwords(members, isNew)
	}
	if g.odds(16) {
		members = append(members, member{pickFrom(g.Rand, []string{"unknown", "expand", "collectionId", "collectionName", "@x", "", "title.x", "Title", "id-", "tags:each", "data.a"}), g.anything()})
	}
	g.Shuffle(len(members), func(i, j int) { members[i], members[j] = members[j], members[i] })
	return members
}

// newID is one that nobody has, that somebody has, or that is none.
func (g *grammar) newID(collection string) string {
	g.given++
	switch {
	case g.odds(10):
		return quote(g.id(collection))
	case g.odds(10):
		return pickFrom(g.Rand, []string{`""`, `null`, `5`, `"short"`, `"UPPER0000000000"`, `"with space 0000"`, `"a/b0000000000000"`, `true`, `["given0000000000"]`, `"con"`, `{}`})
	}
	return fmt.Sprintf(`"given%010d"`, g.given)
}

// passwords adds what accounts need.
func (g *grammar) passwords(members []member, isNew bool) []member {
	members = slices.DeleteFunc(members, func(m member) bool {
		return strings.Contains(m.name, "password") || strings.Contains(m.name, "tokenKey")
	})
	if !isNew && g.IntN(3) > 0 {
		return members
	}
	password := quote(pickFrom(g.Rand, passwords))
	for _, name := range []string{"password", "passwordConfirm", "oldPassword"} {
		switch {
		case g.IntN(12) == 0:
		case g.IntN(20) == 0:
			members = append(members, member{name, pickFrom(g.Rand, []string{`"short"`, `null`, `12345678`, `""`, quote(passwords[1])})})
		case name == "oldPassword" && !isNew:
			members = append(members, member{name, quote(passwords[0])})
		case name != "oldPassword":
			members = append(members, member{name, password})
		}
	}
	if isNew && g.IntN(10) > 0 && !slices.ContainsFunc(members, func(m member) bool { return m.name == core.FieldNameEmail }) {
		g.given++
		members = append(members, member{core.FieldNameEmail, fmt.Sprintf(`"new%d@example.com"`, g.given)})
	}
	return members
}

// modified is a value of a field, sometimes by a modifier. Never two for one field, as
// PocketBase applies those in any order.
func (g *grammar) modified(field core.Field) member {
	name := field.GetName()
	if g.odds(8) {
		name = pickFrom(g.Rand, []string{name + "+", "+" + name, name + "-", name + ":autogenerate"})
	}
	return member{name, g.value(field)}
}

func quote(s string) string {
	encoded, _ := json.Marshal(s)
	return string(encoded)
}

// object writes a body.
func (g *grammar) object(members []member) string {
	var b strings.Builder
	space := pickFrom(g.Rand, []string{"", "", "", " ", "\n\t "})
	b.WriteString(space + "{")
	for n, m := range members {
		if n > 0 {
			b.WriteString(",")
		}
		b.WriteString(space + quote(m.name) + ":" + space + m.value)
	}
	if len(members) > 0 && g.odds(40) {
		b.WriteString("," + quote(members[0].name) + ":" + g.anything()) // once more
	}
	b.WriteString("}" + space)
	return b.String()
}

// encoded is a body in one of the ways in which PocketBase reads them.
func (g *grammar) encoded(r request) (contentType, body string) {
	parts := strings.Split(r.path, "/")
	members := g.members(parts[3], r.method == "POST")
	if !g.odds(4) {
		return "application/json", g.object(members)
	}
	switch g.IntN(5) {
	case 0:
		form := url.Values{}
		for _, m := range members {
			form.Add(m.name, plainOf(m.value))
		}
		return "application/x-www-form-urlencoded", form.Encode()
	case 1, 2:
		return multipartOf(func(m *multipart.Writer) { g.multipart(m, members, parts[3]) })
	case 3:
		return pickFrom(g.Rand, []string{"", "text/plain", "application/json; charset=utf-8", "APPLICATION/JSON", "application/jsonx", "text/xml", "multipart/form-data"}), g.object(members)
	case 4:
		return "application/json", pickFrom(g.Rand, []string{
			"", "null", "[]", `"x"`, "5", "{", `{"title":}`, `{"title":"a"} trailing`, `{"title":"a"}{"title":"b"}`, "\ufeff{}", "{}", ` {"title" : "a" , } `, `{"title":"a\ud800"}`,
			`{"title":"bad` + "\xff" + `"}`, `{"title":"nul\u0000"}`, `{title:1}`, `{"amount":1e400}`, `[{"title":"a"}]`, `{"title":"` + strings.Repeat("x", 6000) + `"}`, strings.Repeat("[", 50),
		})
	}
	return "application/json", g.object(members)
}

// plainOf is a value in a form.
func plainOf(value string) string {
	var text string
	if json.Unmarshal([]byte(value), &text) == nil {
		return text
	}
	return value
}

func multipartOf(write func(*multipart.Writer)) (contentType, body string) {
	var b bytes.Buffer
	m := multipart.NewWriter(&b)
	_ = m.SetBoundary("boundary0000")
	write(m)
	_ = m.Close()
	return m.FormDataContentType(), b.String()
}

func (g *grammar) multipart(m *multipart.Writer, members []member, collection string) {
	if g.IntN(2) == 0 {
		_ = m.WriteField("@jsonPayload", g.object(members))
	} else {
		for _, one := range members {
			_ = m.WriteField(one.name, plainOf(one.value))
		}
	}
	for range g.IntN(4) {
		if collection != "files" && g.IntN(6) > 0 {
			continue
		}
		name := pickFrom(g.Rand, []string{"file", "files", "files", "files+", "+files", "unknown", "avatar"})
		part, err := m.CreateFormFile(name, pickFrom(g.Rand, []string{"first.txt", "second one.txt", "none of it", "page.html", "third.TXT"}))
		if err == nil {
			_, _ = part.Write([]byte(strings.Repeat(pickFrom(g.Rand, []string{"text ", "<b>", ""}), 1+g.IntN(12))))
		}
	}
}

// batch is the body of several requests in one.
func (g *grammar) batch() string {
	if g.odds(15) {
		return pickFrom(g.Rand, []string{
			"", "{}", `{"requests":[]}`, `{"requests":null}`, `{"requests":{}}`, `{"requests":[null]}`, `{"requests":[{}]}`, `{"requests":[5]}`, "[]",
			`{"requests":[{"method":"GET","url":"/api/collections/hot/records"}]}`, `{"requests":[{"method":"POST","url":"/api/collections/hot/records","body":5}]}`, `{"requests":[` + strings.Repeat("{},", 12) + `{}]}`,
		})
	}
	var parts []string
	collection := pickFrom(g.Rand, []string{"hot", "hot", "kids", "tags"})
	for range 1 + g.IntN(5) {
		if g.IntN(6) == 0 {
			collection = g.collection()
		}
		parts = append(parts, g.partOfBatch(collection))
	}
	return `{"requests":[` + strings.Join(parts, ",") + `]}`
}

func (g *grammar) partOfBatch(collection string) string {
	method, path := g.target(collection)
	members := g.members(collection, method == "POST")
	if g.odds(4) {
		method, path = "PUT", "/api/collections/"+collection+"/records"+g.query()
		if g.IntN(2) == 0 {
			members = append(slices.DeleteFunc(members, func(m member) bool { return m.name == core.FieldNameId }), member{core.FieldNameId, quote(g.id(collection))})
		}
	}
	if g.odds(40) {
		method = pickFrom(g.Rand, []string{"post", "GET", "", "Delete", "PUT"})
	}
	if g.odds(40) {
		path = pickFrom(g.Rand, []string{"", "/api/health", "/api/collections/hot/records/", "https://example.com" + path, path + "/", "/api/collections//records", strings.TrimPrefix(path, "/")})
	}
	part := `{"method":` + quote(method) + `,"url":` + quote(path)
	if method != "DELETE" || g.odds(5) {
		body := g.object(members)
		if g.odds(30) {
			body = g.anything()
		}
		part += `,"body":` + body
	}
	if g.odds(8) {
		part += `,"headers":` + pickFrom(g.Rand, []string{`{"X-Open":"yes"}`, `{"Authorization":"x"}`, `{}`, `null`, `{"Content-Type":"text/plain"}`})
	}
	return part + "}"
}
