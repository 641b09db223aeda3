package fastlane

import (
	"bytes"
	"encoding/json"
	"strings"

	"github.com/pocketbase/pocketbase/core"
	"github.com/spf13/cast"
)

// refreshPattern is the route by which clients renew their tokens.
const refreshPattern = "POST /api/collections/{collection}/auth-refresh"

// refresh answers with the caller's record and a new token, or returns why PocketBase
// has to. The record is the one that the request has been given, with whatever a
// middleware has made of it.
func (p *Plugin) refresh(e *core.RequestEvent) (Reason, error) {
	if _, reason := p.prepareRefresh(e); reason != "" {
		return reason, nil
	}
	token := tokenOf(e)
	k := p.callers.find(token)
	if k == nil || k.record.Id != e.Auth.Id || k.collection != e.Auth.Collection() {
		return ReasonToken, nil
	}
	if reason := emptyBody(e); reason != "" {
		return reason, nil
	}
	if k.refreshable {
		var err error
		if token, err = e.Auth.NewAuthToken(); err != nil {
			return ReasonToken, nil //nolint:nilerr // PocketBase words it
		}
	}
	e.Auth.IgnoreEmailVisibility(true) // it is their own
	var out bytes.Buffer
	if err := json.NewEncoder(&out).Encode(renewed{e.Auth, token}); err != nil {
		return ReasonRead, nil //nolint:nilerr // PocketBase words it
	}
	writeJSON(e, out.Bytes())
	return "", nil
}

// renewed is the answer, with its parts in PocketBase's order.
type renewed struct {
	Record *core.Record `json:"record"`
	Token  string       `json:"token"`
}

// prepareRefresh finds out whether a token of the collection can be renewed without
// PocketBase. There is no query in its plan.
func (p *Plugin) prepareRefresh(e *core.RequestEvent) (*call, Reason) {
	if reason := p.untouchedByOthers(e); reason != "" {
		return nil, reason
	}
	_, c, _, reason := p.subject(e)
	switch {
	case reason != "":
		return nil, reason
	case e.Auth == nil || e.Auth.Collection() != c:
		return nil, ReasonNoToken
	case c.AuthRule == nil || *c.AuthRule != "":
		return nil, ReasonAuthRule
	case p.ablation.skipHooks:
	case p.refreshes.Length() != 0 || p.signIns.Length() != 0:
		return nil, ReasonAuthHook
	case p.enriches.Length() != 0:
		return nil, ReasonEnrichHook
	}
	return &call{app: e.App, plugin: p, plan: &plan{}}, ""
}

// emptyBody returns why a request is not one that says nothing, which is what the
// official SDKs send.
func emptyBody(e *core.RequestEvent) Reason {
	const longest = 16 // with spaces
	switch {
	case e.Request.ContentLength == 0:
		return ""
	case e.Request.ContentLength < 0 || e.Request.ContentLength > longest:
		return ReasonBody
	case !strings.HasPrefix(e.Request.Header.Get("Content-Type"), "application/json"):
		return ReasonContent
	}
	body, reason := readBody(e)
	if reason == "" && string(bytes.TrimSpace(body)) != "{}" {
		reason = ReasonBody
	}
	return reason
}

// isRefreshable tells whether a token may be renewed: one that somebody was given to
// act for another may not.
func isRefreshable(claims map[string]any) bool {
	may, ok := claims[core.TokenClaimRefreshable]
	return ok && cast.ToBool(may)
}

// own returns the record of the caller as it was read. Handlers of one request may do
// with it what they like: PocketBase changes the value of a password in place when it
// saves a record, so that each has one of its own.
func (k *known) own() *core.Record {
	record := k.record.Original()
	for _, field := range k.collection.Fields {
		if _, ok := field.(*core.PasswordField); !ok {
			continue
		}
		if kept, ok := record.GetRaw(field.GetName()).(*core.PasswordFieldValue); ok {
			value := *kept
			record.SetRaw(field.GetName(), &value)
		}
	}
	return record
}
