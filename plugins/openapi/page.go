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

// The reader of documents that the page shows. See assets/update.sh.
const (
	scalarVersion = "1.72.1"
	scalarSum     = "bf091006bdc3af6067af77c2f534812e3e633e94a94e87138069f570f33b762c" // SHA-256 of what scalar.js.gz unpacks to
)

//go:embed assets/page.html assets/page.css assets/page.js assets/scalar.js.gz assets/LICENSE.scalar
var assets embed.FS

// policy lets the page load what this server has, and talk to it. Scalar writes
// its style sheets into the page as it goes along, so those must be admitted; no
// script but the two files is.
const policy = "default-src 'none'; script-src 'self'; style-src 'self' 'unsafe-inline'; img-src 'self' data: blob:; " +
	"font-src 'self' data:; connect-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"

func bindPage(r *router.Router[*core.RequestEvent]) {
	r.GET(DocsPath, docsPage)
	r.GET(DocsPath+"/page.css", asset("page.css", "text/css; charset=utf-8"))
	r.GET(DocsPath+"/page.js", asset("page.js", "text/javascript; charset=utf-8"))
	r.GET(DocsPath+"/scalar.js", scalar)
	r.GET(DocsPath+"/LICENSE", asset("LICENSE.scalar", "text/plain; charset=utf-8"))
}

func docsPage(e *core.RequestEvent) error {
	html, err := assets.ReadFile("assets/page.html")
	if err != nil {
		return e.InternalServerError("", fmt.Errorf("read the page: %w", err))
	}
	header := e.Response.Header()
	header.Set("Content-Security-Policy", policy)
	header.Set("X-Frame-Options", "DENY")
	header.Set("Referrer-Policy", "no-referrer")
	header.Set("Cache-Control", "no-cache")
	return e.HTML(http.StatusOK, strings.Replace(string(html), "VERSION", scalarVersion, 1))
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

// unpacked is for the few clients that take no gzip.
var unpacked = sync.OnceValues(func() ([]byte, error) {
	packed, err := assets.ReadFile("assets/scalar.js.gz")
	if err != nil {
		return nil, err
	}
	reader, err := gzip.NewReader(bytes.NewReader(packed))
	if err != nil {
		return nil, err
	}
	return io.ReadAll(reader)
})

func scalar(e *core.RequestEvent) error {
	header := e.Response.Header()
	header.Add("Vary", "Accept-Encoding")
	// the page asks for it with the version, so it never changes
	header.Set("Cache-Control", "public, max-age=31536000, immutable")
	const kind = "text/javascript; charset=utf-8"
	if strings.Contains(e.Request.Header.Get("Accept-Encoding"), "gzip") {
		packed, err := assets.ReadFile("assets/scalar.js.gz")
		if err != nil {
			return e.InternalServerError("", fmt.Errorf("read the reader: %w", err))
		}
		header.Set("Content-Encoding", "gzip")
		return e.Blob(http.StatusOK, kind, packed)
	}
	content, err := unpacked()
	if err != nil {
		return e.InternalServerError("", fmt.Errorf("unpack the reader: %w", err))
	}
	return e.Blob(http.StatusOK, kind, content)
}
