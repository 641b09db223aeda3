package fastlane

import (
	"net/url"
	"reflect"
	"strings"
	"time"

	"github.com/pocketbase/pocketbase/apis"
	"github.com/pocketbase/pocketbase/core"
	"github.com/pocketbase/pocketbase/tools/hook"
	"github.com/pocketbase/pocketbase/tools/router"
	"github.com/pocketbase/pocketbase/tools/types"
)

// What PocketBase's middleware keeps with a request.
const (
	startedKey = "__execStart"
	skipKey    = "__skipSuccessActivityLogger"
)

// activity is PocketBase's middleware that logs a server's requests, of which the
// plugin does the usual case at less cost.
type activity struct {
	plugin   *Plugin
	handler  *hook.Handler[*core.RequestEvent]
	original func(*core.RequestEvent) error
}

// replaceActivity puts the plugin's function in the place of that of PocketBase's middleware.
// The handler stays, with its id and its priority: it is there for the same routes,
// and can be unbound as ever. It returns nil if there is no such middleware.
func (p *Plugin) replaceActivity(r *router.Router[*core.RequestEvent]) *activity {
	for _, h := range r.Middlewares {
		if h.Id == apis.DefaultActivityLoggerMiddlewareId && madeBy(functionName(reflect.ValueOf(h.Func)), "activityLogger") {
			a := &activity{plugin: p, handler: h, original: h.Func}
			h.Func = a.serve
			return a
		}
	}
	return nil
}

// serve is the middleware.
func (a *activity) serve(e *core.RequestEvent) error {
	if !a.plugin.log.takes(e.App) || a.plugin.bypass != nil && a.plugin.bypass(e.Request) {
		return a.original(e)
	}
	e.Set(startedKey, time.Now())
	err := e.Next()
	started, _ := e.Get(startedKey).(time.Time)
	a.log(e, started, err)
	return err
}

// log logs a request that is over. Failed ones, and those that somebody has told
// more about, are for PocketBase to word.
func (a *activity) log(e *core.RequestEvent, started time.Time, err error) {
	switch {
	case err != nil, started.IsZero(), e.Get(apis.RequestEventKeyLogMeta) != nil, !a.plugin.log.takes(e.App):
		a.byPocketBase(e, started, err)
	case e.Get(skipKey) == nil:
		a.plugin.log.add(a.plugin.log.read(e, started))
	}
}

// byPocketBase has PocketBase's own middleware log a request that is over: it is
// given one that ends at once in the same way.
func (a *activity) byPocketBase(e *core.RequestEvent, started time.Time, err error) {
	over := &core.RequestEvent{App: e.App, Auth: e.Auth}
	over.Request, over.Response = e.Request, e.Response
	var end hook.Hook[*core.RequestEvent]
	_ = end.Trigger(over, a.original, func(*core.RequestEvent) error {
		over.SetAll(e.GetAll())
		if !started.IsZero() {
			over.Set(startedKey, started)
		}
		return err
	})
}

// entry is a row of the log before it is written.
type entry struct {
	at                 time.Time
	took               float64 // milliseconds
	method, uri        string
	referer, userAgent string
	auth, authID       string
	userIP, remoteIP   string
	status             int
	hasID, hasIP       bool // whether the settings want authID, and the addresses
}

// newEntry reads what PocketBase's logRequest does.
func newEntry(e *core.RequestEvent, started time.Time) entry {
	settings := e.App.Settings()
	now := time.Now()
	made := entry{
		at: now, took: float64(now.Sub(started)) / float64(time.Millisecond),
		method: cut(strings.ToUpper(e.Request.Method), 50), uri: cut(e.Request.URL.RequestURI(), 3000),
		referer: cut(e.Request.Referer(), 2000), userAgent: cut(e.Request.UserAgent(), 2000),
		status: e.Status(), hasIP: settings.Logs.LogIP,
	}
	if e.Auth != nil {
		made.auth, made.authID, made.hasID = e.Auth.Collection().Name, e.Auth.Id, settings.Logs.LogAuthId
	}
	if made.hasIP {
		made.remoteIP = e.RemoteIP()
		made.userIP = made.remoteIP
		if len(settings.TrustedProxy.Headers) > 0 {
			made.userIP = e.RealIP()
		}
	}
	return made
}

// cut is PocketBase's cutStr.
func cut(s string, most int) string {
	if len(s) > most {
		return s[:most] + "..."
	}
	return s
}

// message is the request in a line.
func (n *entry) message() string {
	if path, err := url.PathUnescape(n.uri); err == nil {
		return n.method + " " + path
	}
	return n.method + " " + n.uri
}

// created is the time as PocketBase stores it.
func (n *entry) created() string { return n.at.UTC().Format(types.DefaultDateLayout) }

// appendData appends the row's data as encoding/json writes it, by the names' order.
func (n *entry) appendData(dst []byte) []byte {
	dst = appendString(append(dst, `{"auth":`...), n.auth)
	if n.hasID {
		dst = appendString(append(dst, `,"authId":`...), n.authID)
	}
	dst = appendNumber(append(dst, `,"execTime":`...), n.took)
	dst = appendString(append(dst, `,"method":`...), n.method)
	dst = appendString(append(dst, `,"referer":`...), n.referer)
	if n.hasIP {
		dst = appendString(append(dst, `,"remoteIP":`...), n.remoteIP)
	}
	dst = appendNumber(append(dst, `,"status":`...), float64(n.status))
	dst = appendString(append(dst, `,"type":"request","url":`...), n.uri)
	dst = appendString(append(dst, `,"userAgent":`...), n.userAgent)
	if n.hasIP {
		dst = appendString(append(dst, `,"userIP":`...), n.userIP)
	}
	return append(dst, '}')
}

// model is the row as PocketBase saves it, with values of the types that it has.
func (n *entry) model() (*core.Log, error) {
	data := types.JSONMap[any]{
		"type": "request", "execTime": n.took, "url": n.uri, "method": n.method, "status": int64(n.status),
		"referer": n.referer, "userAgent": n.userAgent, "auth": n.auth,
	}
	if n.hasID {
		data["authId"] = n.authID
	}
	if n.hasIP {
		data["userIP"], data["remoteIP"] = n.userIP, n.remoteIP
	}
	made := &core.Log{Data: data, Message: n.message()}
	made.MarkAsNew()
	made.Id = core.GenerateDefaultRandomId()
	var err error
	made.Created, err = types.ParseDateTime(n.at)
	return made, err
}
