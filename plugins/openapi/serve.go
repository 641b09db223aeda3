package openapi

import (
	"cmp"
	"errors"
	"net/http"
	"slices"
	"strings"

	"github.com/pocketbase/pocketbase/core"

	"github.com/holdall-go/holdall/internal/apidoc"
)

// serveDocument answers with the caller's document, or with the public one for
// view=public, of the version of the API that version= or the header names.
func (p *Plugin) serveDocument(e *core.RequestEvent) error {
	caller := e.Auth
	header := e.Response.Header()
	header.Add("Vary", "Authorization")
	// each reader asks whether theirs has changed
	header.Set("Cache-Control", "private, no-cache")
	switch e.Request.URL.Query().Get("view") {
	case "":
	case "public":
		caller = nil
	default:
		return e.BadRequestError("The view can only be public.", nil)
	}
	if p.config.Private && e.Auth == nil {
		return e.UnauthorizedError("Sign in to see the API.", nil)
	}
	version := e.Request.URL.Query().Get("version")
	if name, _ := apidoc.Of(e.App).Versions(); name != "" {
		header.Add("Vary", name)
		version = cmp.Or(version, e.Request.Header.Get(name))
	}
	d, err := p.documentFor(e.Request.Context(), e.App, caller, version)
	if unknown := (unknownVersion{}); errors.As(err, &unknown) {
		return e.BadRequestError("There is no document of that version: "+unknown.Error()+".", nil)
	}
	if err != nil {
		return e.InternalServerError("", err)
	}
	header.Set("ETag", d.etag)
	if matches(e.Request.Header.Values("If-None-Match"), d.etag) {
		return e.NoContent(http.StatusNotModified)
	}
	return e.Blob(http.StatusOK, "application/json", d.body)
}

// matches reports whether the reader has that already.
func matches(headers []string, etag string) bool {
	for _, header := range headers {
		for part := range strings.SplitSeq(header, ",") {
			if tag := strings.TrimPrefix(strings.TrimSpace(part), "W/"); slices.Contains([]string{"*", etag}, tag) {
				return true
			}
		}
	}
	return false
}
