package fastlane

import (
	"cmp"
	"slices"
	"sync"
	"sync/atomic"
)

// Stats are counts since the start.
type Stats struct {
	// Served is how many requests the lane has answered.
	Served uint64
	// HandedOn is how many that it knows the routes of were left to PocketBase, by
	// reason.
	HandedOn map[Reason]uint64
	// Kept is how many of those it has answered were kept, see [Config.CacheBytes].
	Kept uint64
	// Actions has the same by what was asked for, in the order of the names.
	Actions []ActionStats
}

// ActionStats are the counts of one kind of request, such as views.
type ActionStats struct {
	Action string `json:"action" doc:"What was asked for, such as view or list."`
	Served uint64 `json:"served" doc:"How many the lane has answered."`
	Kept   uint64 `json:"kept" doc:"How many of these answers were kept from before."`
	// HandedOn has the most frequent reason first.
	HandedOn []ReasonStats `json:"handedOn" doc:"How many were left to PocketBase, the most frequent reason first."`
}

// ReasonStats is how many requests were left to PocketBase for one reason.
type ReasonStats struct {
	Code     string `json:"code" doc:"The reason in a word that stays the same."`
	Reason   Reason `json:"reason" doc:"The reason in a sentence."`
	Requests uint64 `json:"requests"`
}

// counts is what [Plugin.Stats] is made of.
type counts [actions]struct {
	served   atomic.Uint64
	kept     atomic.Uint64
	handedOn sync.Map // Reason to *atomic.Uint64
}

func (c *counts) add(a action, r Reason) {
	of := &c[a]
	if r == "" {
		of.served.Add(1)
		return
	}
	n, ok := of.handedOn.Load(r)
	if !ok {
		n, _ = of.handedOn.LoadOrStore(r, new(atomic.Uint64))
	}
	n.(*atomic.Uint64).Add(1)
}

// Stats returns the counts.
func (p *Plugin) Stats() Stats {
	s := Stats{HandedOn: map[Reason]uint64{}, Actions: []ActionStats{}}
	for a, name := range actionNames {
		if name == "" {
			continue // it is no request
		}
		of := ActionStats{Action: name, Served: p.counts[a].served.Load(), Kept: p.counts[a].kept.Load(), HandedOn: []ReasonStats{}}
		p.counts[a].handedOn.Range(func(key, n any) bool {
			reason, requests := key.(Reason), n.(*atomic.Uint64).Load()
			of.HandedOn = append(of.HandedOn, ReasonStats{Code: reason.Code(), Reason: reason, Requests: requests})
			s.HandedOn[reason] += requests
			return true
		})
		slices.SortFunc(of.HandedOn, func(a, b ReasonStats) int {
			return cmp.Or(cmp.Compare(b.Requests, a.Requests), cmp.Compare(a.Code, b.Code))
		})
		s.Served += of.Served
		s.Kept += of.Kept
		s.Actions = append(s.Actions, of)
	}
	slices.SortFunc(s.Actions, func(a, b ActionStats) int { return cmp.Compare(a.Action, b.Action) })
	return s
}

// Code is the reason in a word, which stays the same when the sentence is written
// better: what metrics are labelled with.
func (r Reason) Code() string { return cmp.Or(codes[r], "other") }

var codes = map[Reason]string{
	ReasonRoute:       "route",
	ReasonMethod:      "method",
	ReasonBody:        "body",
	ReasonTransaction: "transaction",
	ReasonWritten:     "written",
	ReasonViewHook:    "view_hook",
	ReasonListHook:    "list_hook",
	ReasonEnrichHook:  "enrich_hook",
	ReasonContext:     "context",
	ReasonInfo:        "request_info",
	ReasonSuperuser:   "superuser",
	ReasonNoCache:     "no_cache",
	ReasonUnknown:     "unknown_collection",
	ReasonLocked:      "locked_rule",
	ReasonView:        "view_collection",
	ReasonField:       "field_type",
	ReasonFields:      "fields",
	ReasonExpand:      "expand",
	ReasonManage:      "manage_rule",
	ReasonRule:        "rule_invalid",
	ReasonRequest:     "rule_request",
	ReasonTime:        "time",
	ReasonEmail:       "rule_email",
	ReasonPattern:     "pattern",
	ReasonFilter:      "filter",
	ReasonSort:        "sort",
	ReasonPage:        "page",
	ReasonParameter:   "parameter",
	ReasonRefused:     "refused",
	ReasonValues:      "values",
	ReasonDatabase:    "database",
	ReasonNothing:     "empty_list",
	ReasonRead:        "read",
	ReasonLimited:     "rate_limited",
	ReasonToken:       "token",
	ReasonOrigin:      "origin",
	ReasonPanic:       "failed",
	ReasonTagged:      "etag",

	ReasonLength:     "length",
	ReasonContent:    "content_type",
	ReasonJSON:       "json",
	ReasonWriteHook:  "write_hook",
	ReasonRealtime:   "realtime",
	ReasonRateLimit:  "rate_limit",
	ReasonAuth:       "auth_collection",
	ReasonSystem:     "system_collection",
	ReasonKey:        "id",
	ReasonFiles:      "files",
	ReasonReferences: "references",
	ReasonModifier:   "modifier",
	ReasonValue:      "value",
	ReasonStored:     "stored_value",
	ReasonForbidden:  "forbidden",
	ReasonMissing:    "missing",
	ReasonRelated:    "related",
	ReasonConstraint: "constraint",
	ReasonStale:      "stale",
	ReasonBatch:      "batch",
	ReasonLate:       "late",
	ReasonLong:       "long",
	ReasonBusy:       "busy",
	ReasonWrite:      "write",

	ReasonNoToken:  "no_token",
	ReasonAuthRule: "auth_rule",
	ReasonAuthHook: "auth_hook",

	ReasonFileHook:  "file_hook",
	ReasonProtected: "protected",
	ReasonStorage:   "storage",
	ReasonNoFiles:   "no_files",
	ReasonFileName:  "file_name",
	ReasonThumb:     "thumb",
	ReasonFile:      "file",
}
