package main

import (
	"context"
	"fmt"
	"time"
)

// load makes operations against one server.
type load interface {
	// run makes n operations and returns how long each took, fewer when ctx ends.
	run(ctx context.Context, n int) ([]time.Duration, error)
	close() error
}

// opener begins a load on the server at the address.
type opener func(ctx context.Context, address string, f *fixture) (load, error)

// request is the n-th of a kind, from 1.
type request func(f *fixture, n uint64) []byte

// workload is a kind of load that both servers get.
type workload struct {
	name string
	what string
	// business marks what runs the app's own rules (numbering, due times, status
	// machine), which a bare PocketBase has not: reported, but not overhead.
	business bool
	open     opener
	instead  *substitute // nil for a request that a bare PocketBase answers, too
}

// substitute is what a client of a bare PocketBase does for want of a route of the app.
type substitute struct {
	what string // for the report, a sentence that begins with whose request it is
	open opener
}

// Connections of the closed loop: enough to keep two cores busy.
const connections = 4

// subscribers listen in the realtime workload.
const subscribers = 20

// plain is a workload of single requests.
func plain(name, what string, next request) workload {
	return workload{name: name, what: what, open: next.open}
}

// open makes an [opener] of the request.
func (r request) open(ctx context.Context, address string, f *fixture) (load, error) {
	return connect(ctx, address, connections, func(n uint64) []byte { return r(f, n) })
}

func (w workload) asBusiness() workload {
	w.business = true
	return w
}

// withInstead gives a bare PocketBase another request, which what tells of.
func (w workload) withInstead(what string, next request) workload {
	w.instead = &substitute{what: what, open: next.open}
	return w
}

// openOn begins the load on a server, with what it can answer.
func (w workload) openOn(ctx context.Context, s *server, f *fixture) (load, error) {
	if w.instead != nil && s.bare() {
		return w.instead.open(ctx, s.address, f)
	}
	return w.open(ctx, s.address, f)
}

func get(f *fixture, path string) []byte { return encode("GET", path, f.token, nil) }

func send(f *fixture, method, path, format string, args ...any) []byte {
	return encode(method, path, f.token, fmt.Appendf(nil, format, args...))
}

func workloads() []workload {
	const records = "/api/collections/%s/records"
	pick := func(ids []string, n uint64) string { return ids[n*7919%uint64(len(ids))] }
	return []workload{
		plain("health", "GET /api/health, without a token", func(_ *fixture, _ uint64) []byte {
			return encode("GET", "/api/health", "", nil)
		}),
		plain("view", "one work order by id", func(f *fixture, n uint64) []byte {
			return get(f, fmt.Sprintf(records, "work_orders")+"/"+pick(f.orders, n))
		}),
		plain("list", "30 work orders of an organization, newest first, without a total", func(f *fixture, _ uint64) []byte {
			return get(f, fmt.Sprintf(records, "work_orders")+"?perPage=30&skipTotal=1&sort=-number&filter=organization%3D%22"+f.organization+"%22")
		}),
		plain("create", "a site, which has no business rules", func(f *fixture, n uint64) []byte {
			return send(f, "POST", fmt.Sprintf(records, "sites"), `{"organization":%q,"name":"Bench %d","address":"1 Example Street","contact":"Front desk"}`, f.organization, n)
		}),
		plain("update", "a site's contact", func(f *fixture, n uint64) []byte {
			return send(f, "PATCH", fmt.Sprintf(records, "sites")+"/"+pick(f.sites, n), `{"contact":"Contact %d"}`, n)
		}),
		{name: "realtime", what: fmt.Sprintf("a created site reaches %d subscribers", subscribers), open: openRealtime},
		plain("auth refresh", "a new token for the old one", func(f *fixture, _ uint64) []byte {
			return send(f, "POST", "/api/collections/users/auth-refresh", `{}`)
		}),
		plain("create note", "a note on an open work order, as one on a completed order has its report drawn anew", func(f *fixture, n uint64) []byte {
			return send(f, "POST", fmt.Sprintf(records, "notes"), `{"work_order":%q,"author":%q,"body":"Note %d"}`, pick(f.scheduled, n), f.dispatcher, n)
		}),
		// before orders are created, which would fill stock's list
		plain("board", "the board of an organization; stock: one list of work orders", board).asBusiness().withInstead(boardInstead, boardList),
		plain("transition", "a scheduled work order on its way and back; stock: a superuser's PATCH", transition).asBusiness().withInstead(transitionInstead, patchStatus),
		plain("create work order", "numbering, due time and checklist by hooks", createOrder).asBusiness(),
		plain("update work order", "a work order's title", func(f *fixture, n uint64) []byte {
			return send(f, "PATCH", fmt.Sprintf(records, "work_orders")+"/"+pick(f.orders, n), `{"title":"Title %d"}`, n)
		}).asBusiness(),
	}
}

// createOrder is a superuser's request: the rules leave the number and the status
// to the hooks, and without hooks the record would be refused.
func createOrder(f *fixture, n uint64) []byte {
	body := fmt.Appendf(nil, `{"organization":%q,"site":%q,"title":"Bench","status":"draft","priority":"normal","number":%d,`+
		`"checklist":[{"id":"c1","label":"Check the pressure","done":false,"required":true}]}`,
		f.organization, f.sites[n%uint64(len(f.sites))], 1_000_000+n)
	return encode("POST", "/api/collections/work_orders/records", f.superuser, body)
}
