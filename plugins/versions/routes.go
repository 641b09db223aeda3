package versions

import (
	"context"

	"github.com/pocketbase/pocketbase/core"

	"github.com/holdall-go/holdall/internal/apidoc"
)

// Path is where superusers see the versions, and how much they are used.
const Path = "/api/versions"

// Listed is a version with its use.
type Listed struct {
	Info
	Usage Usage `json:"usage"`
}

// list is the answer.
type list struct {
	Header   string   `json:"header" doc:"The header that names a version."`
	Query    string   `json:"query" doc:"The parameter of the query that does the same."`
	Versions []Listed `json:"versions" doc:"Oldest first."`
	Problems []string `json:"problems" doc:"What in the versions does not fit the collections."`
}

func (p *Plugin) bindRoutes(e *core.ServeEvent) error {
	apidoc.Route(apidoc.On(e), apidoc.Op{
		Method: "GET", Path: Path, ID: "versions.list", Summary: "List the versions of the API", Tags: []string{"versions"},
		Description: "With how much each is used, to know when one can be given up.", Access: apidoc.Superusers,
	}, func(e *core.RequestEvent, _ *apidoc.None) (*list, error) {
		all, err := p.list(e.Request.Context(), e.App)
		if err != nil {
			return nil, e.InternalServerError("", err)
		}
		return all, nil
	})
	return e.Next()
}

func (p *Plugin) list(ctx context.Context, app core.App) (*list, error) {
	all := &list{Header: p.config.Header, Query: p.query, Versions: []Listed{}, Problems: []string{}}
	if len(p.releases) == 0 {
		return all, nil
	}
	usage, err := p.Usage(ctx, app)
	if err != nil {
		return nil, err
	}
	for _, info := range p.Versions() {
		u := usage[info.Date]
		if u.Builds == nil {
			u.Builds = []Build{}
		}
		all.Versions = append(all.Versions, Listed{Info: info, Usage: u})
	}
	for _, problem := range p.Check(app) {
		all.Problems = append(all.Problems, problem.Error())
	}
	return all, nil
}
