package jobs

import (
	"context"
	"errors"
	"net/http"
	"strconv"

	validation "github.com/pocketbase/ozzo-validation/v4"
	"github.com/pocketbase/pocketbase/core"
	"github.com/pocketbase/pocketbase/tools/router"

	"github.com/holdall-go/holdall/internal/apidoc"
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
	api := apidoc.On(e).Group(Path)
	op := func(id, method, path, summary, description string) apidoc.Op {
		return apidoc.Op{
			ID: "jobs." + id, Method: method, Path: path, Summary: summary, Description: description,
			Access: apidoc.Superusers, MaxBody: maxBody, AnyContentType: true,
		}
	}
	ofOne := func(id, method, path, summary, description string, problems ...apidoc.Problem) apidoc.Op {
		o := op(id, method, path, summary, description)
		o.Errors, o.Problems = []int{http.StatusNotFound}, problems
		return o
	}
	state := apidoc.Problem{Status: http.StatusConflict, Field: "job", Code: CodeState, When: "the job is in a state in which this cannot be done"}
	keyTaken := apidoc.Problem{Status: http.StatusConflict, Field: "job", Code: CodeKeyTaken, When: "another job has the unique key of this one"}

	apidoc.Route(api, op("list", "GET", "", "List jobs", "Newest first, without what can be large or confidential."), p.listRoute)
	apidoc.Route(api, op("stats", "GET", "/stats", "Count jobs", "By queue and by state."), p.statsRoute)
	apidoc.Route(api, op("schedules", "GET", "/schedules", "List schedules", "With the last 20 entries of their history."), p.schedulesRoute)
	apidoc.Route(api, ofOne("view", "GET", "/{id}", "View a job", "With its arguments, its result and its last errors."), p.showRoute)
	apidoc.Route(api, op("retryDead", "POST", "/retry", "Replay dead jobs", "Of a kind or a queue, or all. The oldest come first, 1000 with a call."), p.retryDeadRoute)
	apidoc.Route(api, ofOne("retry", "POST", "/{id}/retry", "Run a job once more",
		"A dead or cancelled job starts over with all its attempts, one that waits for its time runs at once.", state, keyTaken), p.retryRoute)
	apidoc.Route(api, ofOne("cancel", "POST", "/{id}/cancel", "Cancel a job", "One that waits ends, one that runs is told to.", state), p.cancelRoute)
	apidoc.Route(api, ofOne("pauseQueue", "POST", "/queues/{queue}/pause", "Pause a queue", "No server begins jobs of it any more. What runs goes on."), p.pauseRoute)
	apidoc.Route(api, ofOne("resumeQueue", "POST", "/queues/{queue}/resume", "Resume a queue", ""), p.resumeRoute)
	return e.Next()
}

// listQuery is what a list is asked for.
type listQuery struct {
	State    State  `query:"state"`
	Kind     string `query:"kind"`
	Queue    string `query:"queue"`
	Schedule string `query:"schedule" doc:"The name of the schedule that they are of."`
	After    string `query:"after" doc:"The next of the page before."`
	Limit    int    `query:"limit" default:"50" minimum:"1" maximum:"500" code:"validation_out_of_range" message:"Must be a number in 1..500."`
}

// Validate implements validation.Validatable.
func (q listQuery) Validate() error {
	if n, err := strconv.ParseInt(q.After, 36, 64); q.After != "" && (err != nil || n < 1) {
		return validation.Errors{"after": validation.NewError("validation_invalid_cursor", "Must be the next of an earlier page.")}
	}
	return nil
}

// summaries is a page of jobs.
type summaries struct {
	Items []Summary `json:"items"`
	Next  string    `json:"next" doc:"What after is for the next page, empty if there is none."`
}

func (p *Plugin) listRoute(e *core.RequestEvent, in *listQuery) (*summaries, error) {
	page, err := p.List(e.Request.Context(), Filter{
		State: in.State, Kind: in.Kind, Queue: in.Queue, Schedule: in.Schedule, After: in.After, Limit: in.Limit,
	})
	shown := summaries{Items: make([]Summary, len(page.Items)), Next: page.Next}
	for i, job := range page.Items {
		shown.Items[i] = job.Summary
	}
	return answer(e, shown, err)
}

// ofJob is a request about one job.
type ofJob struct {
	ID string `path:"id"`
}

// detailed is a job with everything.
type detailed struct {
	Summary
	Details
}

func (p *Plugin) showRoute(e *core.RequestEvent, in *ofJob) (*detailed, error) {
	job, err := p.Find(e.Request.Context(), in.ID)
	if err != nil {
		return nil, refusal(e, err)
	}
	return answer(e, detailed{job.Summary, *job.Details}, nil)
}

func (p *Plugin) statsRoute(e *core.RequestEvent, _ *apidoc.None) (*Stats, error) {
	stats, err := p.Stats(e.Request.Context())
	return answer(e, stats, err)
}

// scheduleList are all schedules.
type scheduleList struct {
	Items []ScheduleState `json:"items"`
}

func (p *Plugin) schedulesRoute(e *core.RequestEvent, _ *apidoc.None) (*scheduleList, error) {
	const last = 20
	schedules, err := p.Schedules(e.Request.Context(), last)
	return answer(e, scheduleList{schedules}, err)
}

func (p *Plugin) retryRoute(e *core.RequestEvent, in *ofJob) (*detailed, error) {
	if err := p.Retry(e.Request.Context(), in.ID); err != nil {
		return nil, refusal(e, err)
	}
	return p.showRoute(e, in)
}

func (p *Plugin) cancelRoute(e *core.RequestEvent, in *ofJob) (*detailed, error) {
	if err := p.Cancel(e.Request.Context(), in.ID); err != nil {
		return nil, refusal(e, err)
	}
	return p.showRoute(e, in)
}

// retryDead is which dead letters to replay.
type retryDead struct {
	Body deadJobs
}

type deadJobs struct {
	Kind  string `json:"kind,omitempty" doc:"Only jobs of this kind."`
	Queue string `json:"queue,omitempty" doc:"Only jobs of this queue."`
}

// replayed is what came of it.
type replayed struct {
	Retried int64 `json:"retried" minimum:"0" maximum:"1000" doc:"How many jobs run once more."`
	More    bool  `json:"more" doc:"Whether there may be more. Ask again then."`
}

func (p *Plugin) retryDeadRoute(e *core.RequestEvent, in *retryDead) (*replayed, error) {
	n, err := p.RetryDead(e.Request.Context(), in.Body.Kind, in.Body.Queue)
	return answer(e, replayed{Retried: n, More: n == replayBatch}, err)
}

// ofQueue is a request about a queue.
type ofQueue struct {
	Queue string `path:"queue" doc:"The name of the queue."`
}

func (p *Plugin) pauseRoute(e *core.RequestEvent, in *ofQueue) (*apidoc.None, error) {
	return done(e, p.Pause, in.Queue)
}

func (p *Plugin) resumeRoute(e *core.RequestEvent, in *ofQueue) (*apidoc.None, error) {
	return done(e, p.Resume, in.Queue)
}

func done(e *core.RequestEvent, do func(ctx context.Context, queue string) error, queue string) (*apidoc.None, error) {
	if err := do(e.Request.Context(), queue); err != nil {
		return nil, refusal(e, err)
	}
	return nil, nil //nolint:nilnil // 204
}

// answer sends the value, or says what is wrong.
func answer[T any](e *core.RequestEvent, value T, err error) (*T, error) {
	if err != nil {
		return nil, refusal(e, err)
	}
	e.Response.Header().Set("Cache-Control", "no-store")
	return &value, nil
}

func refusal(e *core.RequestEvent, err error) error {
	switch {
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
