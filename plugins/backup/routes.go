package backup

import (
	"context"
	"embed"
	"errors"
	"net/http"
	"time"

	"github.com/pocketbase/pocketbase/core"
	"github.com/pocketbase/pocketbase/tools/router"

	"github.com/holdall-go/holdall/internal/apidoc"
	"github.com/holdall-go/holdall/internal/panel"
)

// The routes, for superusers.
const (
	StatusPath = "/api/backup/status"
	RangesPath = "/api/backup/ranges"
	DrillPath  = "/api/backup/drill"
)

// The codes of refusals, in data.code.
const (
	CodeNoTarget = "backup_no_target"
	CodeLocked   = "backup_locked"
)

// rangesAnswer says which times can be restored.
type rangesAnswer struct {
	Ranges []Range `json:"ranges" doc:"By target and database, the oldest first."`
	Error  string  `json:"error,omitempty" doc:"Why some are missing: a target does not answer."`
}

// drillAnswer says that a drill is under way.
type drillAnswer struct {
	Drilling bool `json:"drilling" doc:"Whether a drill is under way. Its results are in the status when it is over."`
}

// rangesWithin is how long targets have to list what they hold.
const rangesWithin = 20 * time.Second

// panelFiles are what the page in the dashboard consists of.
//
//go:embed panel
var panelFiles embed.FS

// routes adds the routes and the page, for superusers.
func (p *Plugin) routes(e *core.ServeEvent) {
	panel.Add(e, "backup", panelFiles)
	api := apidoc.On(e)
	apidoc.Route(api, apidoc.Op{
		ID: "backup.status", Method: http.MethodGet, Path: StatusPath, Summary: "Show how far behind the backup is",
		Description: "How it is at this moment, for each target and each database. It asks no target.", Access: apidoc.Superusers,
	}, func(*core.RequestEvent, *apidoc.None) (*Status, error) {
		status := p.Status()
		return &status, nil
	})
	apidoc.Route(api, apidoc.Op{
		ID: "backup.ranges", Method: http.MethodGet, Path: RangesPath, Summary: "Show which times can be restored",
		Description: "It asks all targets, which takes them a while.", Access: apidoc.Superusers,
	}, p.getRanges)
	apidoc.Route(api, apidoc.Op{
		ID: "backup.drill", Method: http.MethodPost, Path: DrillPath, Summary: "Try a restore",
		Description: "It begins a drill, unless one is under way, and does not wait for its end. A drill restores the newest state of each target to a scratch directory and checks it.",
		Access:      apidoc.Superusers, Status: http.StatusAccepted,
		Problems: []apidoc.Problem{
			{Status: http.StatusConflict, Code: CodeNoTarget, When: "no target is configured"},
			{Status: http.StatusConflict, Code: CodeLocked, When: "the server has no key to read its backup with"},
		},
	}, p.postDrill)
	p.waiting.bind(e)
}

func (p *Plugin) getRanges(e *core.RequestEvent, _ *apidoc.None) (*rangesAnswer, error) {
	ctx, cancel := context.WithTimeout(e.Request.Context(), rangesWithin)
	defer cancel()
	ranges, err := p.Ranges(ctx)
	answer := &rangesAnswer{Ranges: ranges}
	if ranges == nil {
		answer.Ranges = []Range{}
	}
	if err != nil && !errors.Is(err, errNoTarget) {
		answer.Error = err.Error()
	}
	return answer, nil
}

func (p *Plugin) postDrill(*core.RequestEvent, *apidoc.None) (*drillAnswer, error) {
	switch {
	case !p.config.Enabled():
		return nil, conflict(CodeNoTarget, "No target of backups is configured.")
	case p.locked():
		return nil, conflict(CodeLocked, "The backup is encrypted, and this server has no identity to read it with.")
	}
	p.drillNow()
	return &drillAnswer{Drilling: true}, nil
}

// conflict is a refusal with a code of its own.
func conflict(code, message string) *router.ApiError {
	answer := router.NewApiError(http.StatusConflict, message, nil)
	answer.Data = map[string]any{"code": code}
	return answer
}
