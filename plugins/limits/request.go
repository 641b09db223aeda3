package limits

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"strconv"
	"strings"
	"time"

	validation "github.com/pocketbase/ozzo-validation/v4"
	"github.com/pocketbase/pocketbase/apis"
	"github.com/pocketbase/pocketbase/core"
	"github.com/pocketbase/pocketbase/tools/hook"
	"github.com/pocketbase/pocketbase/tools/router"
	"github.com/pocketbase/pocketbase/tools/search"
)

// Requests bounds single requests of records. Where PocketBase has a bound of its
// own, the default is that. Superusers are not bound.
type Requests struct {
	// MaxPerPage refuses larger pages. Defaults to none: PocketBase answers with
	// 1000 records at most, whatever was asked for.
	MaxPerPage int

	// MaxExpands is how many paths may be expanded. Defaults to 100; -1 for any.
	MaxExpands int

	// MaxExpandDepth is how many relations a path may go along. Defaults to none:
	// PocketBase leaves out what is deeper than 6.
	MaxExpandDepth int

	// MaxFilterLength is in bytes. Defaults to none: PocketBase refuses more than
	// 3500.
	MaxFilterLength int

	// MaxFilterTerms is how many comparisons a filter may have. Defaults to none:
	// PocketBase refuses more than 200.
	MaxFilterTerms int

	// MaxFilterDepth is how deep parentheses may be in each other. Defaults to 50;
	// -1 for any.
	MaxFilterDepth int

	// MaxSortFields is by how many fields a list may be sorted. Defaults to none:
	// PocketBase refuses more than 8.
	MaxSortFields int

	// MaxBatch is how many requests a batch may have. Defaults to none: it is in
	// PocketBase's settings.
	MaxBatch int

	// MaxParts is how many parts a form may have. Defaults to none: Go refuses
	// more than 1000.
	MaxParts int

	// Deadline is how long a request of the API may take until its answer begins, from
	// when its body is there. What is late is answered with 503, its context is
	// cancelled, and its handler may go on for a while: PocketBase's queries end by
	// their own timeout. Realtime, WebSockets and PocketBase's backups have no deadline.
	// In 1s..1h. Defaults to none.
	Deadline time.Duration

	// NoDeadline are the beginnings of further paths without a deadline:
	// "/api/v1/reports/".
	NoDeadline []string
}

func (r Requests) withDefaults() Requests {
	if r.MaxExpands == 0 {
		r.MaxExpands = 100
	}
	if r.MaxFilterDepth == 0 {
		r.MaxFilterDepth = 50
	}
	return r
}

func (r Requests) validate() error {
	var problems []error
	for _, bound := range []struct {
		name   string
		value  int
		lowest int
	}{
		{"MaxPerPage", r.MaxPerPage, 0},
		{"MaxExpands", r.MaxExpands, -1},
		{"MaxExpandDepth", r.MaxExpandDepth, 0},
		{"MaxFilterLength", r.MaxFilterLength, 0},
		{"MaxFilterTerms", r.MaxFilterTerms, 0},
		{"MaxFilterDepth", r.MaxFilterDepth, -1},
		{"MaxSortFields", r.MaxSortFields, 0},
		{"MaxBatch", r.MaxBatch, 0},
		{"MaxParts", r.MaxParts, 0},
	} {
		if bound.value < bound.lowest {
			problems = append(problems, fmt.Errorf("limits: Requests.%s must be %d or more, got %d", bound.name, bound.lowest, bound.value))
		}
	}
	if r.Deadline != 0 && (r.Deadline < time.Second || r.Deadline > time.Hour) {
		problems = append(problems, fmt.Errorf("limits: Requests.Deadline must be in 1s..1h, got %s", r.Deadline))
	}
	return errors.Join(problems...)
}

// recordRoutes start the patterns of the routes that read and write records.
const recordRoutes = "/api/collections/{collection}/"

func (p *Plugin) bindRequests(app core.App) {
	app.OnServe().Bind(&hook.Handler[*core.ServeEvent]{
		Id: "holdallLimitsRequests",
		Func: func(e *core.ServeEvent) error {
			e.Router.Bind(&hook.Handler[*core.RequestEvent]{Id: "holdallLimitsRequest", Func: p.boundRequest, Priority: apis.DefaultRateLimitMiddlewarePriority + 1})
			if p.config.Requests.MaxParts > 0 {
				e.Router.Bind(&hook.Handler[*core.RequestEvent]{Id: "holdallLimitsParts", Func: p.boundParts, Priority: bodyPriority})
			}
			return e.Next()
		},
	})
	app.OnBatchRequest().Bind(&hook.Handler[*core.BatchRequestEvent]{Id: "holdallLimitsBatch", Func: p.boundBatch, Priority: outermost + 1})
}

// boundRequest refuses what asks for too much before anything is done for it, and
// says so of a query that took too long.
func (p *Plugin) boundRequest(e *core.RequestEvent) error {
	_, path, _ := strings.Cut(e.Request.Pattern, " ")
	if !strings.HasPrefix(path, recordRoutes) {
		return e.Next()
	}
	if e.Request.URL.RawQuery != "" && !e.HasSuperuserAuth() {
		if problems := p.config.Requests.check(e.Request.URL.Query()); len(problems) > 0 {
			return e.BadRequestError("The request asks for too much.", problems)
		}
	}
	err := e.Next()
	if err != nil && !e.Written() && timedOut(err) {
		header := e.Response.Header()
		header.Set("Retry-After", "1")
		expose(e, header, "Retry-After")
		return refusal(http.StatusServiceUnavailable, CodeQueryTimeout, "The query took too long. Ask for less, or try again later.")
	}
	return err
}

// timedOut reports whether a query was ended by its timeout, of which PocketBase
// tells as of any bad request.
func timedOut(err error) bool {
	if errors.Is(err, context.DeadlineExceeded) {
		return true
	}
	var answer *router.ApiError
	if !errors.As(err, &answer) {
		return false
	}
	cause, ok := answer.RawData().(error)
	return ok && errors.Is(cause, context.DeadlineExceeded)
}

// check returns what is too much in the parameters, by their names.
func (r Requests) check(query map[string][]string) validation.Errors {
	first := func(name string) string {
		if values := query[name]; len(values) > 0 {
			return values[0] // as PocketBase takes them
		}
		return ""
	}
	problems := validation.Errors{}
	if n, err := strconv.Atoi(first(search.PerPageQueryParam)); err == nil && r.MaxPerPage > 0 && n > r.MaxPerPage {
		problems[search.PerPageQueryParam] = validation.NewError(CodePerPage, fmt.Sprintf("A page can have %d records at most.", r.MaxPerPage))
	}
	if text := r.checkExpand(first("expand")); text != "" {
		problems["expand"] = validation.NewError(CodeExpand, text)
	}
	if text := r.checkFilter(first(search.FilterQueryParam)); text != "" {
		problems[search.FilterQueryParam] = validation.NewError(CodeFilter, text)
	}
	if n := countList(first(search.SortQueryParam)); r.MaxSortFields > 0 && n > r.MaxSortFields {
		problems[search.SortQueryParam] = validation.NewError(CodeSort, fmt.Sprintf("A list can be sorted by %d fields at most.", r.MaxSortFields))
	}
	return problems
}

func countList(text string) int {
	if text == "" {
		return 0
	}
	return strings.Count(text, ",") + 1
}

func (r Requests) checkExpand(expand string) string {
	if r.MaxExpands > 0 && countList(expand) > r.MaxExpands {
		return fmt.Sprintf("No more than %d paths can be expanded.", r.MaxExpands)
	}
	if r.MaxExpandDepth > 0 {
		for path := range strings.SplitSeq(expand, ",") {
			if strings.Count(path, ".")+1 > r.MaxExpandDepth {
				return fmt.Sprintf("A path can go along %d relations at most.", r.MaxExpandDepth)
			}
		}
	}
	return ""
}

func (r Requests) checkFilter(filter string) string {
	if filter == "" {
		return ""
	}
	terms, depth := complexity(filter)
	switch {
	case r.MaxFilterLength > 0 && len(filter) > r.MaxFilterLength:
		return fmt.Sprintf("A filter can have %d bytes at most.", r.MaxFilterLength)
	case r.MaxFilterTerms > 0 && terms > r.MaxFilterTerms:
		return fmt.Sprintf("A filter can have %d comparisons at most.", r.MaxFilterTerms)
	case r.MaxFilterDepth > 0 && depth > r.MaxFilterDepth:
		return fmt.Sprintf("The parentheses of a filter can be %d deep at most.", r.MaxFilterDepth)
	}
	return ""
}

// complexity counts the comparisons of a filter and how deep its parentheses are,
// without parsing it, which can be the costly part.
func complexity(filter string) (terms, depth int) {
	terms = 1
	var quote, previous byte
	open := 0
	for i := range len(filter) {
		c := filter[i]
		switch {
		case quote != 0:
			if c == quote && previous != '\\' {
				quote = 0
			}
		case c == '\'' || c == '"':
			quote = c
		case c == '(':
			open++
			depth = max(depth, open)
		case c == ')':
			open--
		case (c == '&' || c == '|') && previous == c:
			terms++
			c = 0 // && is one
		}
		previous = c
	}
	return terms, depth
}

// boundBatch refuses a batch that is too long, or in which a request asks for too
// much.
func (p *Plugin) boundBatch(e *core.BatchRequestEvent) error {
	if e.HasSuperuserAuth() {
		return e.Next()
	}
	limits := p.config.Requests
	if limits.MaxBatch > 0 && len(e.Batch) > limits.MaxBatch {
		return e.BadRequestError("The request asks for too much.", validation.Errors{
			"requests": validation.NewError(CodeBatch, fmt.Sprintf("A batch can have %d requests at most.", limits.MaxBatch)),
		})
	}
	problems := validation.Errors{}
	for i, r := range e.Batch {
		parsed, err := http.NewRequest(http.MethodGet, r.URL, http.NoBody) //nolint:noctx // it is only parsed
		if err != nil {
			continue // PocketBase says so
		}
		if found := limits.check(parsed.URL.Query()); len(found) > 0 {
			problems[strconv.Itoa(i)] = found
		}
	}
	if len(problems) > 0 {
		return e.BadRequestError("The request asks for too much.", validation.Errors{"requests": problems})
	}
	return e.Next()
}

// boundParts refuses a form of too many parts.
func (p *Plugin) boundParts(e *core.RequestEvent) error {
	if !strings.HasPrefix(e.Request.Header.Get("Content-Type"), "multipart/form-data") || e.HasSuperuserAuth() {
		return e.Next()
	}
	// what cannot be read is the handler's to refuse
	if err := e.Request.ParseMultipartForm(router.DefaultMaxMemory); err != nil || e.Request.MultipartForm == nil {
		return e.Next()
	}
	parts := 0
	for _, values := range e.Request.MultipartForm.Value {
		parts += len(values)
	}
	for _, files := range e.Request.MultipartForm.File {
		parts += len(files)
	}
	if most := p.config.Requests.MaxParts; parts > most {
		return refusal(http.StatusBadRequest, CodeParts, fmt.Sprintf("A form can have %d parts at most.", most))
	}
	return e.Next()
}
