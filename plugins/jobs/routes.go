package jobs

import (
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"slices"
	"strconv"

	validation "github.com/pocketbase/ozzo-validation/v4"
	"github.com/pocketbase/pocketbase/apis"
	"github.com/pocketbase/pocketbase/core"
	"github.com/pocketbase/pocketbase/tools/router"
)

// Path is where the API is.
const Path = "/api/jobs"

// The codes of refusals, at the field "job" or "queue" of the answer.
const (
	CodeState    = "jobs_state"     // the state of the job does not allow it
	CodeKeyTaken = "jobs_key_taken" // another job has its unique key
)

// maxBody bounds the bodies of requests, in bytes. Most have none.
const maxBody = 4 << 10

// routes adds the API, which is for superusers only.
func (p *Plugin) routes(e *core.ServeEvent) error {
	api := e.Router.Group(Path).Bind(apis.RequireSuperuserAuth(), apis.BodyLimit(maxBody))
	api.GET("", p.listRoute)
	api.GET("/stats", p.statsRoute)
	api.GET("/schedules", p.schedulesRoute)
	api.GET("/{id}", p.showRoute)
	api.POST("/retry", p.retryDeadRoute)
	api.POST("/{id}/retry", p.retryRoute)
	api.POST("/{id}/cancel", p.cancelRoute)
	api.POST("/queues/{queue}/pause", p.pauseRoute)
	api.POST("/queues/{queue}/resume", p.resumeRoute)
	return e.Next()
}

func (p *Plugin) listRoute(e *core.RequestEvent) error {
	query := e.Request.URL.Query()
	f := Filter{
		State: State(query.Get("state")), Kind: query.Get("kind"), Queue: query.Get("queue"),
		Schedule: query.Get("schedule"), After: query.Get("after"),
	}
	problems := validation.Errors{}
	if f.State != "" && !slices.Contains(States, f.State) {
		problems["state"] = validation.NewError("validation_in_invalid", fmt.Sprintf("Must be one of %v.", States))
	}
	if limit := query.Get("limit"); limit != "" {
		n, err := strconv.Atoi(limit)
		if err != nil || n < 1 || n > maxPage {
			problems["limit"] = validation.NewError("validation_out_of_range", fmt.Sprintf("Must be a number in 1..%d.", maxPage))
		}
		f.Limit = n
	}
	if n, err := strconv.ParseInt(f.After, 36, 64); f.After != "" && (err != nil || n < 1) {
		problems["after"] = validation.NewError("validation_invalid_cursor", "Must be the next of an earlier page.")
	}
	if len(problems) > 0 {
		return e.BadRequestError("The query is not valid.", problems)
	}
	page, err := p.List(e.Request.Context(), f)
	return p.answer(e, page, err)
}

func (p *Plugin) showRoute(e *core.RequestEvent) error {
	job, err := p.Find(e.Request.Context(), e.Request.PathValue("id"))
	return p.answer(e, job, err)
}

func (p *Plugin) statsRoute(e *core.RequestEvent) error {
	stats, err := p.Stats(e.Request.Context())
	return p.answer(e, stats, err)
}

func (p *Plugin) schedulesRoute(e *core.RequestEvent) error {
	const last = 20
	schedules, err := p.Schedules(e.Request.Context(), last)
	return p.answer(e, map[string]any{"items": schedules}, err)
}

func (p *Plugin) retryRoute(e *core.RequestEvent) error {
	id := e.Request.PathValue("id")
	if err := p.Retry(e.Request.Context(), id); err != nil {
		return p.answer(e, nil, err)
	}
	return p.showRoute(e)
}

func (p *Plugin) cancelRoute(e *core.RequestEvent) error {
	if err := p.Cancel(e.Request.Context(), e.Request.PathValue("id")); err != nil {
		return p.answer(e, nil, err)
	}
	return p.showRoute(e)
}

// retryDeadRoute replays the dead letters, or some of them.
func (p *Plugin) retryDeadRoute(e *core.RequestEvent) error {
	var body struct {
		Kind  string `json:"kind"`
		Queue string `json:"queue"`
	}
	decoder := json.NewDecoder(e.Request.Body)
	decoder.DisallowUnknownFields()
	if err := decoder.Decode(&body); err != nil {
		return e.BadRequestError("The body must be a JSON object with nothing but kind and queue.", nil)
	}
	n, err := p.RetryDead(e.Request.Context(), body.Kind, body.Queue)
	return p.answer(e, map[string]any{"retried": n, "more": n == replayBatch}, err)
}

func (p *Plugin) pauseRoute(e *core.RequestEvent) error {
	if err := p.Pause(e.Request.Context(), e.Request.PathValue("queue")); err != nil {
		return p.answer(e, nil, err)
	}
	return e.NoContent(http.StatusNoContent)
}

func (p *Plugin) resumeRoute(e *core.RequestEvent) error {
	if err := p.Resume(e.Request.Context(), e.Request.PathValue("queue")); err != nil {
		return p.answer(e, nil, err)
	}
	return e.NoContent(http.StatusNoContent)
}

// answer sends the value, or says what is wrong.
func (p *Plugin) answer(e *core.RequestEvent, value any, err error) error {
	switch {
	case err == nil:
		e.Response.Header().Set("Cache-Control", "no-store")
		return e.JSON(http.StatusOK, value)
	case errors.Is(err, ErrNotFound):
		return e.NotFoundError("There is no such job or queue.", err)
	case errors.Is(err, ErrState):
		return conflict(CodeState, "The job is in a state in which this cannot be done.")
	case errors.Is(err, ErrKeyTaken):
		return conflict(CodeKeyTaken, "Another job has the unique key of this one.")
	default:
		return e.InternalServerError("", err)
	}
}

func conflict(code, message string) error {
	return router.NewApiError(http.StatusConflict, message, validation.Errors{"job": validation.NewError(code, message)})
}
