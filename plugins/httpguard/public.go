package httpguard

import (
	"crypto/sha256"
	"encoding/base64"
	"io"
	"io/fs"
	"net/http"
	"path"
	"regexp"
	"strings"
	"sync"

	"github.com/pocketbase/pocketbase/apis"
	"github.com/pocketbase/pocketbase/core"
	"github.com/pocketbase/pocketbase/tools/hook"
)

// publicRoute takes every path that no other route takes.
const publicRoute = "/{" + apis.StaticWildcardParam + "...}"

// servePublic serves the public files, unless somebody else has taken the route.
func (p *Plugin) servePublic(e *core.ServeEvent) error {
	if e.Router.HasRoute(http.MethodGet, publicRoute) {
		return e.Next()
	}
	files := &publicFiles{fsys: p.config.Public, serve: apis.Static(p.config.Public, false)}
	e.Router.GET(publicRoute, files.handle).Bind(gzipText())
	return e.Next()
}

type publicFiles struct {
	fsys  fs.FS
	serve func(*core.RequestEvent) error
	etags sync.Map // name to ETag, of files that cannot change
}

// hashed matches the names that bundlers give to files whose content never
// changes, such as assets/index-B0h5PTbq.js.
var hashed = regexp.MustCompile(`^assets/.*-[A-Za-z0-9_-]{8}\.[a-z0-9]+$`)

func (f *publicFiles) handle(e *core.RequestEvent) error {
	name := strings.TrimPrefix(e.Request.PathValue(apis.StaticWildcardParam), "/")
	if name == "api" || strings.HasPrefix(name, "api/") || name == "_" || strings.HasPrefix(name, "_/") {
		return e.NotFoundError("", nil) // a missing route of the API is no page
	}
	h := e.Response.Header()
	if hashed.MatchString(name) {
		h.Set("Cache-Control", "public, max-age=31536000, immutable")
	} else {
		h.Set("Cache-Control", "no-cache") // keep it, and ask whether it has changed
	}
	if etag := f.etag(name); etag != "" {
		h.Set("ETag", etag)
	}
	err := f.serve(e)
	if err != nil {
		h.Del("Cache-Control")
		h.Del("ETag")
	}
	return err
}

// etag identifies the content of an embedded file, "" for others. Files on disk
// have a time of modification, which net/http uses; embedded ones have none, and
// browsers would fetch them again each time.
func (f *publicFiles) etag(name string) string {
	if name == "" || strings.HasSuffix(name, "/") {
		name += "index.html"
	}
	name = path.Clean(name)
	if known, ok := f.etags.Load(name); ok {
		return known.(string) //nolint:forcetypeassert // stored below
	}
	etag, err := hashOf(f.fsys, name)
	if err != nil || etag == "" {
		return ""
	}
	f.etags.Store(name, etag)
	return etag
}

// hashOf returns a file's ETag, "" if it has a time of modification instead.
func hashOf(fsys fs.FS, name string) (string, error) {
	file, err := fsys.Open(name)
	if err != nil {
		return "", err
	}
	defer file.Close()
	if info, err := file.Stat(); err != nil || info.IsDir() || !info.ModTime().IsZero() {
		return "", err
	}
	sum := sha256.New()
	if _, err := io.Copy(sum, file); err != nil {
		return "", err
	}
	// weak, as the compressed form has the same
	return `W/"` + base64.RawURLEncoding.EncodeToString(sum.Sum(nil)[:12]) + `"`, nil
}

// gzipText compresses what gains from it. A part of a file is sent as it is: its
// offsets are those of the file.
func gzipText() *hook.Handler[*core.RequestEvent] {
	gzip := apis.GzipWithConfig(apis.GzipConfig{MinLength: 1 << 10})
	return &hook.Handler[*core.RequestEvent]{
		Id: "holdallGuardGzip",
		Func: func(e *core.RequestEvent) error {
			switch path.Ext(e.Request.URL.Path) {
			case "", ".html", ".js", ".mjs", ".css", ".json", ".svg", ".txt", ".map", ".webmanifest", ".wasm", ".xml":
				if e.Request.Header.Get("Range") == "" {
					return gzip.Func(e)
				}
			}
			return e.Next()
		},
	}
}
