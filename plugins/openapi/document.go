package openapi

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"

	"github.com/pocketbase/pocketbase/core"

	"github.com/holdall-go/holdall/internal/apidoc"
)

// maxCached and maxCachedBytes bound how many documents are kept. Callers who may do
// the same share one.
const (
	maxCached      = 64
	maxCachedBytes = 64 << 20
)

// cache has the documents that were made of the present schema.
type cache struct {
	mutex      sync.Mutex
	registered []route
	state      state
	documents  map[string]document
	bytes      int // of all of them
	size       int // of the last one made
}

// document is one as it is sent.
type document struct {
	body []byte
	etag string
}

// state is what documents depend on besides their readers. Two that are equal
// have the same documents.
type state struct {
	collections []*core.Collection // never changed in place, but replaced
	routes      int                // version of the registry
	appName     string
	limits      core.RateLimitsConfig
	batch       core.BatchConfig
}

func (s state) equal(other state) bool {
	return slices.Equal(s.collections, other.collections) && s.routes == other.routes && s.appName == other.appName &&
		s.limits.Enabled == other.limits.Enabled && slices.Equal(s.limits.Rules, other.limits.Rules) && s.batch == other.batch
}

func (c *cache) setRoutes(routes []route) {
	c.mutex.Lock()
	defer c.mutex.Unlock()
	c.registered = routes
	c.documents = nil
}

// Document returns the document for whom it is: a superuser's has everything,
// nil is a guest. The caller may keep it but not change it.
func (p *Plugin) Document(ctx context.Context, app core.App, caller *core.Record) ([]byte, error) {
	d, err := p.documentFor(ctx, app, caller, "")
	return d.body, err
}

// unknownVersion says that there is no document of a version.
type unknownVersion struct{ known []string }

func (e unknownVersion) Error() string {
	if len(e.known) == 0 {
		return "this API has no versions"
	}
	return "the versions of this API are " + strings.Join(e.known, ", ")
}

// versionOf finds a version of the API by its name. "" is the newest, which needs
// none.
func versionOf(app core.App, name string) (apidoc.Version, error) {
	if name == "" {
		return apidoc.Version{}, nil
	}
	_, versions := apidoc.Of(app).Versions()
	var unknown unknownVersion
	for _, v := range versions {
		if v.Name == name {
			return v, nil
		}
		unknown.known = append(unknown.known, v.Name)
	}
	return apidoc.Version{}, unknown
}

// documentFor returns the document for whom it is, of a version of the API, "" for
// the newest.
func (p *Plugin) documentFor(ctx context.Context, app core.App, caller *core.Record, name string) (document, error) {
	version, err := versionOf(app, name)
	if err != nil {
		return document{}, err
	}
	now, s, err := p.look(app)
	if err != nil {
		return document{}, err
	}
	who := p.reader(ctx, app, caller, s)
	key := who.key() + "\n" + version.Name

	p.cache.mutex.Lock()
	if !p.cache.state.equal(now) || p.cache.documents == nil {
		p.cache.state, p.cache.documents, p.cache.bytes = now, map[string]document{}, 0
	}
	s.registered = p.cache.registered
	size := p.cache.size
	d, ok := p.cache.documents[key]
	p.cache.mutex.Unlock()
	if ok {
		return d, nil
	}

	built := build(s, who)
	if version.Apply != nil {
		version.Apply(built)
	}
	body := bytes.Clone(built.AppendJSON(make([]byte, 0, size+size/8))) // which is kept, without the room
	sum := sha256.Sum256(body)
	d = document{body: body, etag: `"` + hex.EncodeToString(sum[:12]) + `"`}

	p.cache.mutex.Lock()
	defer p.cache.mutex.Unlock()
	p.cache.size = len(body)
	if p.cache.state.equal(now) && p.cache.documents != nil {
		if len(p.cache.documents) >= maxCached || p.cache.bytes+len(body) > maxCachedBytes {
			clear(p.cache.documents)
			p.cache.bytes = 0
		}
		p.cache.bytes += len(body) - len(p.cache.documents[key].body)
		p.cache.documents[key] = d
	}
	return d, nil
}

// look takes in what documents are made from.
func (p *Plugin) look(app core.App) (state, surroundings, error) {
	collections, _ := app.Store().Get(core.StoreKeyCachedCollections).([]*core.Collection)
	if collections == nil {
		return state{}, surroundings{}, errors.New("the collections are not loaded yet")
	}
	settings := app.Settings()
	entries, rules, version := apidoc.Of(app).Snapshot()
	now := state{
		collections: collections,
		routes:      version,
		appName:     settings.Meta.AppName,
		limits:      settings.RateLimits,
		batch:       settings.Batch,
	}
	s := surroundings{
		collections: collections, routes: entries, rules: rules,
		title: now.appName, description: p.config.Description, version: p.config.Version, url: p.config.ServerURL,
		limits: now.limits, batch: now.batch,
	}
	if p.config.Title != "" {
		s.title = p.config.Title
	}
	if s.title == "" {
		s.title = "API"
	}
	return now, s, nil
}

// reader finds out what the caller may do.
func (p *Plugin) reader(ctx context.Context, app core.App, caller *core.Record, s surroundings) reader {
	if caller != nil && caller.IsSuperuser() {
		return reader{superuser: true, collection: caller.Collection().Id}
	}
	j := &judge{app: app, caller: caller, collections: s.collections, timeout: p.config.RuleTimeout, known: map[string]bool{}}
	who := reader{guest: caller == nil, grants: j.grants(ctx), routes: map[string]bool{}}
	if caller != nil {
		who.collection = caller.Collection().Id
	}
	for _, entry := range s.routes {
		if listed(app, entry, caller) {
			who.routes[entry.Method+" "+entry.Path] = true
		}
	}
	return who
}

// listed reports whether the caller, who is no superuser, may call the route.
func listed(app core.App, entry apidoc.Entry, caller *core.Record) bool {
	switch entry.Access {
	case apidoc.Superusers:
		return false
	case apidoc.SignedIn:
		if caller == nil || len(entry.Collections) > 0 && !slices.Contains(entry.Collections, caller.Collection().Name) {
			return false
		}
	case apidoc.Everybody:
	}
	return entry.Visible == nil || entry.Visible(app, caller)
}

// key is the same for readers of the same document.
func (r reader) key() string {
	parts := []string{fmt.Sprint(r.guest, r.superuser), r.collection}
	if r.superuser {
		parts[1] = ""
	}
	for grant := range r.grants {
		parts = append(parts, grant)
	}
	for route := range r.routes {
		parts = append(parts, route)
	}
	slices.Sort(parts[2:])
	return strings.Join(parts, "\n")
}
