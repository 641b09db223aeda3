package fastlane

import (
	"embed"
	"net/http"
	"time"

	"github.com/pocketbase/pocketbase/core"

	"github.com/holdall-go/holdall/internal/apidoc"
	"github.com/holdall-go/holdall/internal/panel"
)

// Path is where superusers see what is served.
const Path = "/api/fastlane"

// Report is what the lane has done, for people.
type Report struct {
	Started time.Time     `json:"started" doc:"Since when requests are counted: the start of the program."`
	Front   bool          `json:"front" doc:"Whether views and lists are answered in front of all middlewares."`
	Because string        `json:"because" doc:"Why they are not, empty if they are."`
	Actions []ActionStats `json:"actions"`
	Cache   *CacheStats   `json:"cache" doc:"The answers that are kept, null if none are."`
}

// CacheStats is what is kept of answers, for people.
type CacheStats struct {
	Answers int   `json:"answers" doc:"How many answers are kept now."`
	Bytes   int64 `json:"bytes" doc:"How much memory they take."`
	Limit   int64 `json:"limit" doc:"How much they may take."`
}

// panelFiles are what the page in the dashboard consists of.
//
//go:embed panel
var panelFiles embed.FS

// bindReport adds GET /api/fastlane and the page, for superusers.
func (p *Plugin) bindReport(e *core.ServeEvent) {
	panel.Add(e, "fastlane", panelFiles)
	apidoc.Route(apidoc.On(e), apidoc.Op{
		Method: http.MethodGet, Path: Path, Summary: "See what the fast lane answers", Tags: []string{"operations"},
		Description: "How many requests it has answered since the start, and how many it has left to PocketBase and why.",
		Access:      apidoc.Superusers,
	}, func(*core.RequestEvent, *apidoc.None) (*Report, error) {
		at := p.Placement()
		return &Report{Started: p.started, Front: at.Front, Because: at.Because, Actions: p.Stats().Actions, Cache: p.CacheStats()}, nil
	})
}

// CacheStats returns what is kept of answers, nil if none are.
func (p *Plugin) CacheStats() *CacheStats {
	if p.cache == nil {
		return nil
	}
	answers, bytes := p.cache.held()
	return &CacheStats{Answers: answers, Bytes: bytes, Limit: p.cache.limit}
}
