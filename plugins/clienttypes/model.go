package clienttypes

// model is an API as its clients need to know it: what each of the emitters
// writes down in its own language. Everything in it has its names already, and
// is in the order in which it is written.
type model struct {
	collections []*collection
	types       []*namedType
	groups      []*group
}

// The kinds of collections.
const (
	kindBase = "base"
	kindAuth = "auth"
	kindView = "view"
)

// collection is a collection of records.
type collection struct {
	id, name string
	// typeName is the name of a record, WorkOrder. Other types begin with it.
	typeName string
	kind     string
	fields   []*field
	create   []*input
	update   []*input
	// back are the relations of others that lead here.
	back []*link
}

// The kinds of fields, by what they hold.
const (
	holdsText = iota
	holdsNumber
	holdsBool
	holdsDate
	holdsJSON
	holdsPoint
	holdsSelect
	holdsRelation
	holdsFile
)

// field is a field of records as they are sent.
type field struct {
	name    string
	holds   int
	many    bool     // a list of values
	integer bool     // of a number
	values  []string // of a select
	// typeName is the name of the type of a select's values, WorkOrderStatus
	typeName string
	target   *collection
	// empty says that the value can be "" where the values are given
	empty bool
	// omitted says that the field may be missing from an answer
	omitted bool
	doc     string
}

// link is a relation that leads to a collection: what may be expanded there.
type link struct {
	name string // notes_via_work_order
	from *collection
	many bool
}

// How a member of a body sets a field.
const (
	sets      = iota // to a value
	appends          // one or several values
	prepends         // likewise
	removes          // one or several values; of files, their names
	adds             // a number
	subtracts        // a number
	prefixes         // a generated text
)

// input is a member of a body.
type input struct {
	name     string // tags+
	how      int
	field    *field // what it sets; for passwordConfirm and the like one that is not sent
	required bool
	// only is the one value that is admitted: true, of a bool that is required.
	only bool
	doc  string
}

// group is a set of routes with a common subject.
type group struct {
	name string // workOrders
	// typeName is the name of a class for it, WorkOrdersApi
	typeName string
	routes   []*route
}

// route is a described route of the app.
type route struct {
	name         string // transition
	method, path string
	doc          string
	deprecated   bool
	params       []*param
	body         *typ // nil if there is none
	// bodyOptional says that no member of the body is required.
	bodyOptional bool
	answer       *typ // nil if there is none
	// binary says that the answer is no JSON, or not always.
	binary bool
	// expands says that the answer is a record and its relations can be asked for.
	expands bool
}

// param is a value in the path, the query or the headers.
type param struct {
	name     string
	in       string
	required bool
	typ      *typ
	doc      string
}

// The kinds of types in routes.
const (
	isAny = iota
	isText
	isNumber
	isInteger
	isBool
	isEnum   // texts
	isMoment // as PocketBase writes it
	isList
	isDict
	isNamed
	isRecord
	isUnion
	isBytes // of a request, in any form
)

// typ is a type in a route.
type typ struct {
	kind     int
	nullable bool
	values   []string // of an enum
	of       *typ     // items of a list, values of a dictionary
	named    *namedType
	record   *collection
	forms    []*typ // of a union
}

// namedType is an object in a route. One whose only member has no name is another
// name for the member's type.
type namedType struct {
	name    string
	doc     string
	members []*member
	// sent says that it is part of a request.
	sent bool
}

// member is a member of an object.
type member struct {
	name     string
	typ      *typ
	optional bool
	doc      string
}
