package main

import (
	"fmt"
	"net/url"
)

// boardInstead says what [boardList] is beside [board].
const boardInstead = "stock lists the earliest 1000 of the organization's work orders at most, which is all that one request gives, each with its site and assignee, and counts them; " +
	"the board has up to 200 of each status, how many there are of each, and all members."

// board is what the office looks at all day.
func board(f *fixture, _ uint64) []byte {
	return get(f, "/api/v1/organizations/"+f.organization+"/board")
}

// boardList has the total, as the board does. Not sorting by status keeps orders of
// each on the only page. It asks for whole records: picking fields of them makes the
// answer shorter, but costs stock more than it saves.
func boardList(f *fixture, _ uint64) []byte {
	query := url.Values{
		"perPage": {"1000"}, "sort": {"scheduledStart,number"}, "expand": {"site,assignee"},
		"filter": {fmt.Sprintf("organization=%q", f.organization)},
	}
	return get(f, "/api/collections/work_orders/records?"+query.Encode())
}

// transitionInstead says what [patchStatus] is beside [transition].
const transitionInstead = "stock stores the status by a superuser's PATCH, as the rules let nobody else, " +
	"which is the nearest thing but asks neither who may do it nor whether there is such a move."

// transition is a dispatcher's request, who may make all moves.
func transition(f *fixture, n uint64) []byte {
	order, status := move(f, n)
	return send(f, "POST", "/api/v1/work-orders/"+order+"/transition", `{"to":%q}`, status)
}

func patchStatus(f *fixture, n uint64) []byte {
	order, status := move(f, n)
	return encode("PATCH", "/api/collections/work_orders/records/"+order, f.superuser, fmt.Appendf(nil, `{"status":%q}`, status))
}

// move is what the n-th request does: it sends each scheduled order on its way, then
// each back, and so on. Two requests for one order are as far apart as there are such
// orders, so that they do not meet. If they did, the later would find the order as it
// wants it, which is a success, too.
func move(f *fixture, n uint64) (order, status string) {
	orders := uint64(len(f.scheduled))
	turn, i := (n-1)/orders, (n-1)%orders
	return f.scheduled[i], [2]string{"enRoute", "scheduled"}[turn%2]
}
