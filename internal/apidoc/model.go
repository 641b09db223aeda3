package apidoc

// Schema is a JSON Schema, in the dialect of OpenAPI 3.1, as far as it is used
// here. The zero value admits everything.
type Schema struct {
	Ref         string
	Type        any // a name or a list of names
	Title       string
	Description string
	Format      string
	Deprecated  bool
	ReadOnly    bool
	WriteOnly   bool

	Const   any
	Enum    []any
	Default any

	MinLength        *int // code points
	MaxLength        *int
	Pattern          string
	ContentMediaType string
	Minimum          *float64
	Maximum          *float64
	ExclusiveMinimum *float64
	ExclusiveMaximum *float64

	Items       *Schema
	MinItems    *int
	MaxItems    *int
	UniqueItems bool

	Properties           Properties
	Required             []string
	DependentRequired    map[string][]string
	AdditionalProperties any // false or a *Schema

	AllOf []*Schema
	AnyOf []*Schema
	OneOf []*Schema
	Not   *Schema

	Examples []any

	// Target is the collection that a relation leads to.
	Target string
	// MaxBytes bounds an upload or an encoded value, in bytes.
	MaxBytes int64
}

// Property is a member of an object.
type Property struct {
	Name   string
	Schema *Schema
}

// Properties are the members of an object, in the order that people read them.
type Properties []Property

// Get returns the schema of a member, nil if there is none.
func (p Properties) Get(name string) *Schema {
	for _, property := range p {
		if property.Name == name {
			return property.Schema
		}
	}
	return nil
}

// Parameter is a value in the path, query or header of a request. Either Ref or
// the rest is set.
type Parameter struct {
	Ref         string
	Name        string
	In          string // path, query or header
	Description string
	Required    bool
	Schema      *Schema
	Example     any
}

// MediaType is a body in one format.
type MediaType struct {
	Schema   *Schema
	Example  any
	Encoding map[string]Encoding
}

// Encoding is how one member of a form is sent.
type Encoding struct {
	ContentType string `json:"contentType,omitempty"`
}

// RequestBody is what a request sends.
type RequestBody struct {
	Description string
	Required    bool
	Content     map[string]MediaType
}

// Header is a header of an answer. Either Ref or the rest is set.
type Header struct {
	Ref         string
	Description string
	Schema      *Schema
}

// Response is an answer. Either Ref or the rest is set.
type Response struct {
	Ref         string
	Description string
	Headers     map[string]Header
	Content     map[string]MediaType
}

// Operation is one method of one path.
type Operation struct {
	OperationID string
	Summary     string
	Description string
	Tags        []string
	Deprecated  bool
	Parameters  []Parameter
	RequestBody *RequestBody
	Responses   map[string]Response // by status, such as "200"

	// Security says how to sign in. Empty means that the operation is for
	// everybody; [{} bearer] that a token is optional.
	Security []map[string][]string
}

// Document is an OpenAPI document.
type Document struct {
	OpenAPI    string
	Info       Info
	Servers    []Server
	Tags       []Tag
	Paths      Paths
	Components Components
}

// Info says what API it is.
type Info struct {
	Title       string `json:"title"`
	Description string `json:"description,omitempty"`
	Version     string `json:"version"`
}

// Server is where the API is.
type Server struct {
	URL         string `json:"url"`
	Description string `json:"description,omitempty"`
}

// Tag is a group of operations.
type Tag struct {
	Name        string `json:"name"`
	Description string `json:"description,omitempty"`
}

// Paths are the operations by path, in the order that people read them.
type Paths []Path

// Path is the operations of one path by method, in lower case.
type Path struct {
	Path       string
	Operations map[string]*Operation
}

// Components are what the rest refers to.
type Components struct {
	Schemas         map[string]*Schema
	Parameters      map[string]Parameter
	Headers         map[string]Header
	Responses       map[string]Response
	SecuritySchemes map[string]SecurityScheme
}

// SecurityScheme is a way to sign in.
type SecurityScheme struct {
	Type         string `json:"type"`
	Scheme       string `json:"scheme,omitempty"`
	BearerFormat string `json:"bearerFormat,omitempty"`
	Name         string `json:"name,omitempty"`
	In           string `json:"in,omitempty"`
	Description  string `json:"description,omitempty"`
}

// Ref refers to the schema of that name in the components.
func Ref(name string) *Schema { return &Schema{Ref: "#/components/schemas/" + name} }

// JSON is the content of a JSON body.
func JSON(schema *Schema) map[string]MediaType {
	return map[string]MediaType{"application/json": {Schema: schema}}
}
