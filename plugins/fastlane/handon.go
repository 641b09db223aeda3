package fastlane

// Reason says why a request is left to PocketBase, "" if it is not.
type Reason string

// The reasons. Each is a whole sentence for people.
const (
	ReasonRoute       Reason = "It is neither the view of a record nor a list of records."
	ReasonMethod      Reason = "Its method is not GET."
	ReasonBody        Reason = "It has a body, which rules may speak of."
	ReasonTransaction Reason = "It is within a transaction of somebody who handles the request."
	ReasonWritten     Reason = "Somebody has answered it already."
	ReasonViewHook    Reason = "A handler of OnRecordViewRequest is bound."
	ReasonListHook    Reason = "A handler of OnRecordsListRequest is bound."
	ReasonEnrichHook  Reason = "A handler of OnRecordEnrich is bound."
	ReasonContext     Reason = "A middleware has given it another context than the default."
	ReasonInfo        Reason = "A middleware has changed what rules and filters know of the request."
	ReasonSuperuser   Reason = "A superuser asks, to whom other rules apply."
	ReasonNoCache     Reason = "The collections are not known yet."
	ReasonUnknown     Reason = "There is no such collection."
	ReasonLocked      Reason = "Only superusers may do this."
	ReasonView        Reason = "The collection is a view."
	ReasonField       Reason = "The collection has a field of a type, or a name, that is not known."
	ReasonFields      Reason = "The parameter fields has more than names of fields, or expand is there, too."
	ReasonExpand      Reason = "It expands more than relations of the records themselves."
	ReasonManage      Reason = "The collection has a manage rule, which decides who sees addresses."
	ReasonRule        Reason = "A rule does not parse."
	ReasonRequest     Reason = "A rule speaks of the request's query, headers or body."
	ReasonTime        Reason = "A rule or filter speaks of the time."
	ReasonEmail       Reason = "A rule speaks of the caller's address."
	ReasonPattern     Reason = "A text that is searched for has one of the characters % _ \\ in it."
	ReasonFilter      Reason = "The filter is written in a way that only PocketBase reads."
	ReasonSort        Reason = "The sort is random, or written in a way that only PocketBase reads."
	ReasonPage        Reason = "The page or its size is not a usual number."
	ReasonParameter   Reason = "A parameter that PocketBase does not know is there, which a rule or hook may read."
	ReasonRefused     Reason = "PocketBase refuses the filter, the sort or the rule."
	ReasonValues      Reason = "The query has a value in it that is not understood."
	ReasonDatabase    Reason = "The database is not SQLite, or not opened in the usual way."
	ReasonNothing     Reason = "The list is empty, and PocketBase slows those down who guess."
	ReasonRead        Reason = "The database or a value in it could not be read."
	ReasonLimited     Reason = "The client was refused by a rate limit a moment ago."
	ReasonTagged      Reason = "Another plugin needs the record as PocketBase has it."
)
