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

// workload is a kind of load that both servers get.
type workload struct {
	name string
	what string
	// business marks what runs the app's own rules (numbering, due times, status
	// machine), which a bare PocketBase has not: reported, but not overhead.
	business bool
	open     func(ctx context.Context, address string, f *fixture) (load, error)
}

// Connections of the closed loop: enough to keep two cores busy.
const connections = 4

// subscribers listen in the realtime workload.
const subscribers = 20

// plain is a workload of single requests.
func plain(name, what string, request func(f *fixture, n uint64) []byte) workload {
	return workload{name: name, what: what, open: func(ctx context.Context, address string, f *fixture) (load, error) {
		return connect(ctx, address, connections, func(n uint64) []byte { return request(f, n) })
	}}
}

func (w workload) asBusiness() workload {
	w.business = true
	return w
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
		plain("create note", "a note on a work order", func(f *fixture, n uint64) []byte {
			return send(f, "POST", fmt.Sprintf(records, "notes"), `{"work_order":%q,"author":%q,"body":"Note %d"}`, pick(f.orders, n), f.dispatcher, n)
		}),
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
