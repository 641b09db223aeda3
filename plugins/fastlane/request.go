package fastlane

import (
	"net/http"
	"net/url"
	"reflect"
	"strconv"
	"strings"

	"github.com/pocketbase/pocketbase/core"
	"github.com/pocketbase/pocketbase/tools/search"
)

// The routes that the lane knows.
const (
	viewPattern = "GET /api/collections/{collection}/records/{id}"
	listPattern = "GET /api/collections/{collection}/records"

	createPattern = "POST /api/collections/{collection}/records"
	updatePattern = "PATCH /api/collections/{collection}/records/{id}"
	removePattern = "DELETE /api/collections/{collection}/records/{id}"
	batchPattern  = "POST /api/batch"
)

// routes are what the lane knows, by pattern.
var routes = map[string]action{
	viewPattern: view, listPattern: list, createPattern: create, updatePattern: update, removePattern: remove, batchPattern: batch, filePattern: file,
	refreshPattern: refresh,
}

// untouched returns why a request is not what the routes make of it, "" if it is.
func (p *Plugin) untouched(e *core.RequestEvent, a action) Reason {
	switch {
	case e.Request.Method != http.MethodGet: // HEAD comes by the same routes
		return ReasonMethod
	case e.Request.ContentLength != 0:
		return ReasonBody
	case e.App.IsTransactional():
		return ReasonTransaction
	case e.Written():
		return ReasonWritten
	case e.Get(core.RequestEventKeyInfoContext) != nil:
		return ReasonContext
	case infoChanged(e):
		return ReasonInfo
	}
	return p.hooked(a)
}

// hooked returns whose handlers would see the request. They can be bound at any time.
func (p *Plugin) hooked(a action) Reason {
	switch {
	case p.ablation.skipHooks:
		return ""
	case a == view && p.views.Length() != p.config.ViewHandlers:
		return ReasonViewHook
	case a == list && p.lists.Length() != p.config.ListHandlers:
		return ReasonListHook
	case p.enriches.Length() != 0:
		return ReasonEnrichHook
	}
	return ""
}

// infoField is where PocketBase keeps what it has read of a request.
var infoField = func() int {
	field, ok := reflect.TypeFor[core.RequestEvent]().FieldByName("cachedRequestInfo")
	if !ok || len(field.Index) != 1 {
		return -1
	}
	return field.Index[0]
}()

// infoRead tells whether somebody has asked what the request says, and may have changed
// that.
func infoRead(e *core.RequestEvent) bool {
	return infoField < 0 || !reflect.ValueOf(e).Elem().Field(infoField).IsNil()
}

// infoChanged tells whether what PocketBase has read of the request, which it keeps
// for all who ask, is no longer what the request says.
func infoChanged(e *core.RequestEvent) bool {
	if !infoRead(e) {
		return false
	}
	info, err := e.RequestInfo()
	if err != nil || info.Method != e.Request.Method || info.Context != core.RequestInfoContextDefault {
		return true
	}
	query := e.Request.URL.Query()
	if len(query) != len(info.Query) {
		return true
	}
	for name, values := range query {
		if known, ok := info.Query[name]; !ok || known != values[0] {
			return true
		}
	}
	return false
}

// parameters are those of a list, or of a view, as PocketBase reads them: of a
// repeated one the first.
type parameters struct {
	page, perPage        int
	skipTotal            bool
	filter, sort, fields string
	expand               string
}

// readParameters reads a request's query.
func readParameters(raw string, query func() url.Values, a action) (parameters, Reason) {
	params := parameters{page: 1, perPage: search.DefaultPerPage}
	if raw == "" {
		return params, ""
	}
	for name, all := range query() {
		value := all[0]
		if value == "" {
			continue // as if it were not there
		}
		var reason Reason
		switch {
		case name == "fields":
			params.fields = value
		case name == "expand":
			params.expand = value
		case a == list:
			reason = params.readOfList(name, value)
		default:
			reason = ReasonParameter
		}
		if reason != "" {
			return params, reason
		}
	}
	return params, params.check()
}

func (params *parameters) readOfList(name, value string) Reason {
	var err error
	switch name {
	case search.FilterQueryParam:
		params.filter = value
	case search.SortQueryParam:
		params.sort = value
	case search.PageQueryParam:
		params.page, err = strconv.Atoi(value)
	case search.PerPageQueryParam:
		params.perPage, err = strconv.Atoi(value)
	case search.SkipTotalQueryParam:
		params.skipTotal, err = strconv.ParseBool(value)
	default:
		return ReasonParameter
	}
	if err != nil {
		return ReasonPage
	}
	return ""
}

// The longest parameters that the lane keeps plans for, in bytes.
const (
	longestFilter = 1000
	longestSort   = 250
	longestFields = 500
	longestExpand = 500
)

func (params *parameters) check() Reason {
	const lastPage = 1 << 30 // beyond it PocketBase's numbers overflow
	switch {
	case params.page < 1 || params.page > lastPage || params.perPage < 1 || params.perPage > search.MaxPerPage:
		return ReasonPage
	case len(params.filter) > longestFilter || forSuperusers(params.filter):
		return ReasonFilter
	case len(params.sort) > longestSort || forSuperusers(params.sort):
		return ReasonSort
	case len(params.fields) > longestFields:
		return ReasonFields
	case len(params.expand) > longestExpand:
		return ReasonExpand
	}
	return ""
}

// forSuperusers tells what PocketBase refuses wherever it stands, even in a text.
func forSuperusers(text string) bool {
	return strings.Contains(text, "@collection.") || strings.Contains(text, "@request.")
}

// hasPath tells whether a sort follows relations.
func hasPath(sort string) bool { return strings.Contains(sort, ".") }
