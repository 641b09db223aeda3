package main

import (
	"bytes"
	"errors"
	"fmt"
	"net/http"
	"regexp"
	"strings"
)

// appendRequest appends the n-th request of a load as it goes over the wire. Two
// servers get the same requests.
type appendRequest func(b []byte, n uint64) []byte

// laneWorkload is a kind of request, or a mix of some.
type laneWorkload struct {
	name string
	what string
	// must is how many times stock's operations per second are asked for.
	must float64
	// writes are measured with the change log, too, which they are logged in.
	writes bool
	// unlogged are measured without a log of requests, too.
	unlogged bool
	// steady are measured at a rate that both programs keep up with, too.
	steady bool
	// settings are tried with it
	settings bool
	// operations of one request, 1 unless it is set
	operations int
	request    func(f *laneFixture) appendRequest
}

func (w laneWorkload) perRequest() int { return max(1, w.operations) }

// mark is what a stencil writes a number over, as wide as the number in an id.
const mark = "##############"

// stencil makes requests of one that has marks, by writing numbers over them.
func stencil(request []byte, numbers ...func(n uint64) uint64) appendRequest {
	var at []int
	for from := 0; ; {
		i := bytes.Index(request[from:], []byte(mark))
		if i < 0 {
			break
		}
		at = append(at, from+i)
		from += i + len(mark)
	}
	return func(b []byte, n uint64) []byte {
		start := len(b)
		b = append(b, request...)
		for i, offset := range at {
			value := numbers[min(i, len(numbers)-1)](n)
			for digit := start + offset + len(mark) - 1; digit >= start+offset; digit-- {
				b[digit] = byte('0' + value%10)
				value /= 10
			}
		}
		return b
	}
}

// spread goes through rows in an order that is not theirs.
func spread(rows int) func(uint64) uint64 {
	return func(n uint64) uint64 { return n * 7919 % uint64(rows) }
}

func itself(n uint64) uint64 { return n }

// take makes the requests of several loads in turn.
func take(loads ...appendRequest) appendRequest {
	return func(b []byte, n uint64) []byte { return loads[n%uint64(len(loads))](b, n) }
}

func lanePath(collection string) string { return "/api/collections/" + collection + "/records" }

// laneGet is a reading of a path, with marks and without them.
func laneGet(path string, token func(*laneFixture) string, number func(*laneFixture) func(uint64) uint64) func(*laneFixture) appendRequest {
	return func(f *laneFixture) appendRequest {
		return stencil(encode("GET", path, token(f), nil), number(f))
	}
}

// lanePages reads the first pages of a list in turn.
func lanePages(path string, token func(*laneFixture) string, number func(*laneFixture) func(uint64) uint64) func(*laneFixture) appendRequest {
	return func(f *laneFixture) appendRequest {
		var pages []appendRequest
		for page := range 4 {
			pages = append(pages, laneGet(fmt.Sprintf("%s&page=%d", path, page+1), token, number)(f))
		}
		return take(pages...)
	}
}

func laneSend(method, path, body string, token func(*laneFixture) string, numbers ...func(*laneFixture) func(uint64) uint64) func(*laneFixture) appendRequest {
	return func(f *laneFixture) appendRequest {
		var of []func(uint64) uint64
		for _, number := range numbers {
			of = append(of, number(f))
		}
		return stencil(encode(method, path, token(f), []byte(body)), of...)
	}
}

func guest(*laneFixture) string    { return "" }
func caller(f *laneFixture) string { return f.token }

func counting(*laneFixture) func(uint64) uint64 { return itself }

func among(rows func(laneRows) int) func(*laneFixture) func(uint64) uint64 {
	return func(f *laneFixture) func(uint64) uint64 { return spread(rows(f.rows)) }
}

func amongMain(f *laneFixture) func(uint64) uint64  { return spread(f.rows.Main) }
func amongPosts(f *laneFixture) func(uint64) uint64 { return spread(f.rows.Posts) }

// amongOwn are rows of the caller, who has each so-many-th.
func amongOwn(f *laneFixture) func(uint64) uint64 {
	own := spread(max(1, f.rows.Main/f.rows.Users))
	return func(n uint64) uint64 { return own(n) * uint64(f.rows.Users) }
}

const (
	newest     = "?perPage=30&sort=-created"
	newArticle = `"title":"Bench ` + mark + `","body":"The readings of the third quarter: pressure, flow, two temperatures and a note.","score":12,"published":true`
)

// laneWorkloads are those of the public benchmarks of PocketBase and its like, on rows
// that are made up.
func laneWorkloads() []laneWorkload {
	var (
		none      = func(*laneFixture) func(uint64) uint64 { return itself }
		author    = among(func(laneRows) int { return authors })
		readRoom  = among(func(laneRows) int { return rooms / 2 })
		viewAuth  = laneGet(lanePath("tasks")+"/t"+mark, caller, amongMain)
		view      = laneGet(lanePath("posts")+"/p"+mark, guest, amongPosts)
		list      = lanePages(lanePath("posts")+newest+"&skipTotal=1", guest, none)
		expanded  = lanePages(lanePath("posts")+newest+"&skipTotal=1&expand=author", guest, none)
		create    = laneSend("POST", lanePath("journal"), `{"owner":"`+callerID+`",`+newArticle+`}`, caller, counting)
		update    = laneSend("PATCH", lanePath("journal")+"/j"+mark, `{"title":"Bench `+mark+`"}`, caller, among(func(r laneRows) int { return r.Written }), counting)
		newEntry  = `{"author":"` + laneID('a', 7) + `",` + newArticle + `}`
		inBatch   = `{"method":"POST","url":"` + lanePath("entries") + `","body":` + newEntry + `}`
		batchOf50 = `{"requests":[` + strings.Repeat(inBatch+",", 49) + inBatch + `]}`
	)
	return []laneWorkload{
		{name: "health", what: "`GET /api/health`", request: laneGet("/api/health", guest, none)},
		{name: "view", what: "a record by id, for everybody", must: 5, unlogged: true, request: view},
		{name: "view auth", what: "for who is signed in", must: 5, unlogged: true, steady: true, settings: true, request: viewAuth},
		{name: "view owner", what: "a record of the caller's own", must: 5, request: laneGet(lanePath("drafts")+"/d"+mark, caller, amongOwn)},
		{name: "view chat", what: "a message, for the members of its room", request: laneGet(lanePath("messages")+"/s"+mark, caller, amongMain)},
		{name: "list", what: "30 of 100,000, the newest first", must: 8, unlogged: true, steady: true, request: list},
		{name: "list totals", what: "with the number of all", must: 4, request: lanePages(lanePath("posts")+newest, guest, none)},
		{name: "list filter", what: "those of an author", must: 8, settings: true, request: laneGet(lanePath("posts")+newest+"&skipTotal=1&filter=author%3D%27a"+mark+"%27", guest, author)},
		{name: "list owner", what: "the caller's own", must: 8, request: laneGet(lanePath("drafts")+newest+"&skipTotal=1", caller, none)},
		{name: "list expand", what: "with the author of each", must: 8, request: expanded},
		{
			name: "list two expands", what: "with author and category of each", must: 9, steady: true,
			request: lanePages(lanePath("posts")+newest+"&skipTotal=1&expand=author,category", guest, none),
		},
		{
			name: "list chat", what: "30 messages of a room, for its members: a rule along relations", must: 2.5,
			request: laneGet(lanePath("messages")+newest+"&skipTotal=1&filter=room%3D%27r"+mark+"%27", caller, readRoom),
		},
		{
			name: "create", what: "a record, by anybody", must: 4, writes: true, unlogged: true,
			request: laneSend("POST", lanePath("entries"), newEntry, guest, counting),
		},
		{name: "create auth", what: "a record of the caller's own", must: 4, writes: true, steady: true, settings: true, request: create},
		{
			name: "create chat", what: "a message, by a member of the room", writes: true,
			request: laneSend("POST", lanePath("messages"), `{"room":"r`+mark+`","author":"`+callerID+`","body":"Bench `+mark+`"}`, caller,
				func(*laneFixture) func(uint64) uint64 {
					return func(n uint64) uint64 { return rooms/2 + n%(rooms/2) }
				}, counting),
		},
		{name: "update", what: "the title of a record of the caller's own", must: 5, writes: true, steady: true, request: update},
		{name: "delete", what: "a record, by who is signed in", must: 4, writes: true, request: laneDelete},
		{name: "batch", what: "50 creates, figures for each of them", must: 20, writes: true, operations: 50, request: laneSend("POST", "/api/batch", batchOf50, guest, counting)},
		{name: "auth refresh", what: "a new token for the old one", request: laneSend("POST", "/api/collections/users/auth-refresh", `{}`, caller, none)},
		{name: "file", what: "10 KB", request: laneGet("/api/files/attachments/f"+mark+"/"+attachedName, guest, among(func(laneRows) int { return attachments }))},
		{
			name: "mixed", what: "5 views, 2 lists, 1 list with an expand, a create, an update", must: 4, writes: true, unlogged: true, steady: true, settings: true,
			request: func(f *laneFixture) appendRequest {
				v, a, l, e, c, u := view(f), viewAuth(f), list(f), expanded(f), create(f), update(f)
				return take(v, a, l, c, a, e, v, u, l, a)
			},
		},
	}
}

// laneDelete goes through the rows that are there for it, each of which can be deleted
// once.
func laneDelete(f *laneFixture) appendRequest {
	return stencil(encode("DELETE", lanePath("gone")+"/g"+mark, f.token, nil), itself)
}

// handedOn is a request that the lane leaves to PocketBase.
func handedOn() laneWorkload {
	return laneWorkload{
		name: "handed on", what: "a record by id, asked for with a parameter that PocketBase does not know",
		request: laneGet(lanePath("tasks")+"/t"+mark+"?bench=1", caller, amongMain),
	}
}

// kept is an answer that was kept for examination.
type kept struct {
	n      uint64
	status int
	body   []byte
}

// ownValues are those that differ in the same answer of two servers.
var ownValues = regexp.MustCompile(`"(id|created|updated|token)":"[^"]*"`)

// compareKept asks stock what it answers to the same requests, and reports what is
// not the same. What was created differs in what PocketBase makes up.
func compareKept(address string, w laneWorkload, f *laneFixture, answers []kept) error {
	stock, err := openWire(address, 1, w.request(f))
	if err != nil {
		return err
	}
	var problems []error
	for _, got := range answers {
		if len(got.body) == 0 && got.status == http.StatusNoContent {
			continue // deleted, which it can be only once
		}
		want, err := stock.once(got.n)
		if err != nil {
			return errors.Join(fmt.Errorf("ask stock for request %d: %w", got.n, err), stock.close())
		}
		g, s := got.body, want.body
		if w.writes || w.name == "auth refresh" {
			g, s = ownValues.ReplaceAll(g, []byte(`"$1":""`)), ownValues.ReplaceAll(s, []byte(`"$1":""`))
		}
		if got.status != want.status || !bytes.Equal(g, s) {
			problems = append(problems, fmt.Errorf("request %d: got %d %.500s, stock answers %d %.500s", got.n, got.status, g, want.status, s))
		}
	}
	return errors.Join(append(problems, stock.close())...)
}
