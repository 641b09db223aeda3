package versions

import (
	"fmt"
	"io"
	"net/http"
	"strconv"
	"strings"

	"github.com/pocketbase/pocketbase/core"
)

// callKey holds, in a request's event, what is known of a request with a version.
const callKey = "holdallVersionsCall"

// call is a request with a version.
type call struct {
	t          *Transformer
	shape      shape
	pattern    string // of the route
	collection *core.Collection
	pick       *pick
	batch      []batched
	unlimited  io.ReadCloser // the body before it was limited
	date       string
}

// apiPrefix is where versions are for: everything else is files.
const apiPrefix = "/api/"

// selectVersion finds out which version a request has, if any.
func (p *Plugin) selectVersion(e *core.RequestEvent) error {
	if !strings.HasPrefix(e.Request.URL.Path, apiPrefix) {
		return e.Next()
	}
	header := e.Response.Header()
	header["Vary"] = append(header["Vary"], p.config.Header)
	date := p.asked(e)
	if date == "" {
		return e.Next()
	}
	r := p.byDate[date]
	if r == nil {
		return refusal(http.StatusBadRequest, codeUnknown,
			fmt.Sprintf("There is no version %.40q of the API. The versions are %s.", date, p.dates()))
	}
	for _, h := range r.headers {
		header[h[0]] = append(header[h[0]], h[1])
	}
	if len(e.Request.Header["Origin"]) > 0 {
		expose(e, p.config.Header, "Deprecation", "Sunset", "Link")
	}
	now := p.config.Now()
	if !r.sunset.IsZero() && !now.Before(r.sunset) && !p.config.ServeAfterSunset {
		return refusal(http.StatusGone, codeSunset, fmt.Sprintf(
			"Version %s of the API is no longer served since %s. Please update to one of %s.", r.Date, r.Sunset, p.dates()))
	}
	p.usage.add(now, r.Date, p.build(e))

	// whoever comes later finds it here, however it was asked for
	if named := e.Request.Header[p.config.Header]; len(named) != 1 || named[0] != date {
		e.Request.Header[p.config.Header] = []string{date}
	}
	e.Set(callKey, &call{t: r.transformer, date: r.Date, unlimited: e.Request.Body})
	return e.Next()
}

// asked is the version that a request names, or has otherwise, "" for none.
func (p *Plugin) asked(e *core.RequestEvent) string {
	if named := e.Request.Header[p.config.Header]; len(named) > 0 {
		return strings.TrimSpace(strings.Join(named, ", ")) // several are none
	}
	if strings.Contains(e.Request.URL.RawQuery, p.query) {
		if named := e.Request.URL.Query()[p.query]; len(named) > 0 {
			return strings.TrimSpace(named[0])
		}
	}
	if p.config.Pin != nil {
		return p.config.Pin(e)
	}
	return ""
}

// dates lists the versions that are served today.
func (p *Plugin) dates() string {
	var dates []string
	for _, r := range p.releases {
		if r.sunset.IsZero() || p.config.Now().Before(r.sunset) || p.config.ServeAfterSunset {
			dates = append(dates, r.Date)
		}
	}
	return strings.Join(dates, ", ")
}

// setHeaders makes the headers of each answer in a version: its name, and those of
// RFC 9745 and RFC 8594.
func (p *Plugin) setHeaders(r *release) {
	r.headers = [][2]string{{p.config.Header, r.Date}}
	link := func(relation string) {
		if p.config.Docs != "" {
			r.headers = append(r.headers, [2]string{"Link", `<` + p.config.Docs + `>; rel="` + relation + `"; type="text/html"`})
		}
	}
	if !r.deprecated.IsZero() {
		r.headers = append(r.headers, [2]string{"Deprecation", "@" + strconv.FormatInt(r.deprecated.Unix(), 10)})
		link("deprecation")
	}
	if !r.sunset.IsZero() {
		r.headers = append(r.headers, [2]string{"Sunset", r.sunset.Format(http.TimeFormat)})
		link("sunset")
	}
}

// maxBuild is how much of the name of a build counts, in bytes.
const maxBuild = 64

func (p *Plugin) build(e *core.RequestEvent) string {
	if p.config.Build == nil {
		return ""
	}
	build := strings.ToValidUTF8(strings.TrimSpace(p.config.Build(e)), "")
	if len(build) > maxBuild {
		build = strings.ToValidUTF8(build[:maxBuild], "")
	}
	return build
}
