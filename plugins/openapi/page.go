package openapi

import (
	"bytes"
	"compress/gzip"
	"embed"
	"fmt"
	"io"
	"net/http"
	"strings"
	"sync"

	"github.com/pocketbase/pocketbase/core"
	"github.com/pocketbase/pocketbase/tools/router"
)

// UI is what draws the page.
type UI int

const (
	// Scalar has search, samples of code and the better form to try calls.
	Scalar UI = iota
	// SwaggerUI is what many know, at less than half the size.
	SwaggerUI
)

// drawing is what a UI consists of, see assets/update.sh.
type drawing struct {
	version string
	license string
	files   []packed
}

// packed is a file that is kept compressed.
type packed struct {
	name, kind string
	sum        string // SHA-256 of what it unpacks to
}

const (
	javaScript = "text/javascript; charset=utf-8"
	styleSheet = "text/css; charset=utf-8"
)

var drawings = map[UI]drawing{
	Scalar: {version: "1.72.1", license: "LICENSE.scalar", files: []packed{
		{"scalar.js", javaScript, "bf091006bdc3af6067af77c2f534812e3e633e94a94e87138069f570f33b762c"},
	}},
	SwaggerUI: {version: "5.35.0", license: "LICENSE.swagger-ui", files: []packed{
		{"swagger-ui.css", styleSheet, "5ed08757e53da3e026d6cbecc61fe5d43585c9560b302d534ad56692519a273d"},
		{"swagger-ui.js", javaScript, "e6a898692f2d768e807c3ba4626068a69a2c5dd960dd6c76f3e4d3a3de180af2"},
	}},
}

//go:embed assets/page.html assets/page.css assets/page.js assets/*.gz assets/LICENSE.*
var assets embed.FS

// policy lets the page load what this server has, and talk to it. Both UIs
// write styles into the page as they go along, so those must be admitted; no
// script but the two files is.
const policy = "default-src 'none'; script-src 'self'; style-src 'self' 'unsafe-inline'; img-src 'self' data: blob:; " +
	"font-src 'self' data:; connect-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"

func bindPage(r *router.Router[*core.RequestEvent], ui UI) {
	d := drawings[ui]
	r.GET(DocsPath, d.page)
	r.GET(DocsPath+"/page.css", asset("page.css", styleSheet))
	r.GET(DocsPath+"/page.js", asset("page.js", javaScript))
	r.GET(DocsPath+"/LICENSE", asset(d.license, "text/plain; charset=utf-8"))
	for _, file := range d.files {
		r.GET(DocsPath+"/"+file.name, file.serve())
	}
}

// tags are what loads the files. Their addresses have the version, so what is at
// one never changes.
func (d drawing) tags() string {
	var tags strings.Builder
	for _, file := range d.files {
		if file.kind == styleSheet {
			fmt.Fprintf(&tags, "<link rel=\"stylesheet\" href=\"docs/%s?v=%s\">\n", file.name, d.version)
		} else {
			fmt.Fprintf(&tags, "<script src=\"docs/%s?v=%s\" defer></script>\n", file.name, d.version)
		}
	}
	return tags.String()
}

func (d drawing) page(e *core.RequestEvent) error {
	html, err := assets.ReadFile("assets/page.html")
	if err != nil {
		return e.InternalServerError("", fmt.Errorf("read the page: %w", err))
	}
	header := e.Response.Header()
	header.Set("Content-Security-Policy", policy)
	header.Set("X-Frame-Options", "DENY")
	header.Set("Referrer-Policy", "no-referrer")
	header.Set("Cache-Control", "no-cache")
	return e.HTML(http.StatusOK, strings.Replace(string(html), "<!-- what draws it -->\n", d.tags(), 1))
}

func asset(name, kind string) func(*core.RequestEvent) error {
	return func(e *core.RequestEvent) error {
		content, err := assets.ReadFile("assets/" + name)
		if err != nil {
			return e.InternalServerError("", fmt.Errorf("read %s: %w", name, err))
		}
		e.Response.Header().Set("Cache-Control", "no-cache")
		return e.Blob(http.StatusOK, kind, content)
	}
}

// serve answers with the file, unpacked for the few clients that take no gzip.
func (p packed) serve() func(*core.RequestEvent) error {
	unpacked := sync.OnceValues(p.unpack)
	return func(e *core.RequestEvent) error {
		header := e.Response.Header()
		header.Add("Vary", "Accept-Encoding")
		header.Set("Cache-Control", "public, max-age=31536000, immutable")
		if strings.Contains(e.Request.Header.Get("Accept-Encoding"), "gzip") {
			content, err := assets.ReadFile("assets/" + p.name + ".gz")
			if err != nil {
				return e.InternalServerError("", fmt.Errorf("read %s: %w", p.name, err))
			}
			header.Set("Content-Encoding", "gzip")
			return e.Blob(http.StatusOK, p.kind, content)
		}
		content, err := unpacked()
		if err != nil {
			return e.InternalServerError("", fmt.Errorf("unpack %s: %w", p.name, err))
		}
		return e.Blob(http.StatusOK, p.kind, content)
	}
}

func (p packed) unpack() ([]byte, error) {
	content, err := assets.ReadFile("assets/" + p.name + ".gz")
	if err != nil {
		return nil, err
	}
	reader, err := gzip.NewReader(bytes.NewReader(content))
	if err != nil {
		return nil, err
	}
	return io.ReadAll(reader)
}
