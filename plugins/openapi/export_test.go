package openapi

import (
	"context"
	"regexp"
	"strings"

	"github.com/pocketbase/pocketbase/core"
)

// RegisteredRoute is a route of the router.
type RegisteredRoute struct{ Method, Path string }

// Registered lists the routes of the app below /api.
func Registered(_ context.Context, app core.App) []RegisteredRoute {
	p := app.Store().Get(registered).(*Plugin)
	var all []RegisteredRoute
	for _, r := range p.cache.registered {
		all = append(all, RegisteredRoute{Method: r.method, Path: r.path})
	}
	return all
}

// Sample is the path with something in place of each variable.
func (r RegisteredRoute) Sample(collection string) string { return Sample(r.Path, collection) }

// Sample is a path with something in place of each variable.
func Sample(path, collection string) string {
	path = strings.ReplaceAll(path, "{collection}", collection)
	return variable.ReplaceAllString(path, "x")
}

// Matches reports whether a path is one of the route's.
func (r RegisteredRoute) Matches(path string) bool {
	pattern := variable.ReplaceAllString(r.Path, "\x00")
	pattern = strings.ReplaceAll(regexp.QuoteMeta(pattern), "\x00", "[^/]+")
	return regexp.MustCompile("^" + pattern + "$").MatchString(path)
}

// Sums are the checksums of the files of a UI, by their names.
func Sums(ui UI) map[string]string {
	sums := map[string]string{}
	for _, file := range drawings[ui].files {
		sums[file.name] = file.sum
	}
	return sums
}
