package contract

import (
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"net/url"
	"regexp"
	"slices"
	"strconv"
	"strings"

	"github.com/oasdiff/yaml"
)

// maxRefs bounds how many references may lead from one to the next.
const maxRefs = 50

// Document is an OpenAPI document, 3.0 or 3.1, as calls are made of it and
// answers compared with it.
type Document struct {
	title      string
	base       string // the path of its server, "" for none
	root       map[string]any
	requests   *dialect
	answers    *dialect
	operations []*operation
}

// operation is one method of one path.
type operation struct {
	method, path string // the path has the server's in front
	id           string
	parameters   []parameter
	body         string // where the schema of its JSON body is, "" for none
	bodyRequired bool
	otherBodies  []string          // media types that are not JSON
	responses    map[string]answer // by status, in upper case: "200", "4XX", "DEFAULT"
	secured      bool              // nobody may call it without signing in
	examples     []any             // bodies
	undescribed  bool
}

// parameter is a value of the path, the query or a header.
type parameter struct {
	name, in string
	required bool
	schema   string // where it is
	example  any
}

// answer is what one status brings.
type answer struct {
	content map[string]string // where the schema is, by media type; "" for none
	headers []string          // that must be there
}

var methods = []string{"get", "head", "post", "put", "patch", "delete", "options"}

// ParseDocument reads a document in JSON or YAML. References may lead to other
// parts of it but not out of it.
func ParseDocument(source []byte) (*Document, error) {
	root, err := decode(source)
	if err != nil {
		return nil, err
	}
	version, _ := root["openapi"].(string)
	if !strings.HasPrefix(version, "3.0") && !strings.HasPrefix(version, "3.1") {
		return nil, fmt.Errorf("the document must be of OpenAPI 3.0 or 3.1, got %q", version)
	}
	if strings.HasPrefix(version, "3.0") {
		modernize(root)
	}
	d := &Document{root: root, title: textOf(lookUp(root, "info", "title")), base: basePath(root)}
	if outside := foreignRef(root); outside != "" {
		return nil, fmt.Errorf("the document refers to %s: put all of it into one file first", outside)
	}
	if d.requests, err = newDialect(root, "readOnly"); err != nil {
		return nil, err
	}
	if d.answers, err = newDialect(root, "writeOnly"); err != nil {
		return nil, err
	}
	return d, d.readOperations()
}

// decode reads JSON or YAML.
func decode(source []byte) (map[string]any, error) {
	encoded, err := yaml.YAMLToJSON(source)
	if err != nil {
		return nil, fmt.Errorf("read the document: %w", err)
	}
	var root map[string]any
	if err := json.Unmarshal(encoded, &root); err != nil {
		return nil, errors.New("the document is not an object")
	}
	return root, nil
}

// basePath is the path of the first server, whose variables have their defaults.
func basePath(root map[string]any) string {
	servers, _ := root["servers"].([]any)
	if len(servers) == 0 {
		return ""
	}
	server, _ := servers[0].(map[string]any)
	address := textOf(server["url"])
	variables, _ := server["variables"].(map[string]any)
	for name := range variables {
		address = strings.ReplaceAll(address, "{"+name+"}", textOf(lookUp(variables, name, "default")))
	}
	u, err := url.Parse(address)
	if err != nil {
		return ""
	}
	return strings.TrimSuffix(u.Path, "/")
}

func (d *Document) readOperations() error {
	paths, _ := d.root["paths"].(map[string]any)
	for _, path := range slices.Sorted(maps.Keys(paths)) {
		at := "/paths/" + escapePointer(path)
		item, at, err := d.follow(at)
		if err != nil {
			return err
		}
		for _, method := range methods {
			if _, ok := item[method]; !ok {
				continue
			}
			op, err := d.readOperation(strings.ToUpper(method), path, at, at+"/"+method)
			if err != nil {
				return fmt.Errorf("%s %s: %w", strings.ToUpper(method), path, err)
			}
			d.operations = append(d.operations, op)
		}
	}
	if len(d.operations) == 0 {
		return errors.New("the document has no operations")
	}
	return nil
}

func (d *Document) readOperation(method, path, itemAt, at string) (*operation, error) {
	raw, at, err := d.follow(at)
	if err != nil {
		return nil, err
	}
	op := &operation{
		method: method, path: d.base + path, id: textOf(raw["operationId"]), responses: map[string]answer{},
		undescribed: textOf(raw["description"]) == "This route has not been described.",
	}
	op.secured = d.isSecured(raw)
	for _, from := range []string{itemAt, at} {
		if err := d.readParameters(op, from+"/parameters"); err != nil {
			return nil, err
		}
	}
	if raw["requestBody"] != nil {
		if err := d.readBody(op, at+"/requestBody"); err != nil {
			return nil, err
		}
	}
	responses, _ := raw["responses"].(map[string]any)
	for status := range responses {
		read, err := d.readResponse(at + "/responses/" + escapePointer(status))
		if err != nil {
			return nil, err
		}
		op.responses[strings.ToUpper(status)] = read
	}
	return op, nil
}

// isSecured reports whether each way to call the operation needs a sign-in.
func (d *Document) isSecured(raw map[string]any) bool {
	security, ok := raw["security"].([]any)
	if !ok {
		security, _ = d.root["security"].([]any)
	}
	for _, way := range security {
		if needs, _ := way.(map[string]any); len(needs) == 0 {
			return false
		}
	}
	return len(security) > 0
}

// readParameters adds those of a list; a later one replaces one of the same name.
func (d *Document) readParameters(op *operation, at string) error {
	list, _ := d.value(at).([]any)
	for i := range list {
		raw, at, err := d.follow(at + "/" + strconv.Itoa(i))
		if err != nil {
			return err
		}
		p := parameter{name: textOf(raw["name"]), in: textOf(raw["in"]), example: raw["example"]}
		p.required, _ = raw["required"].(bool)
		if raw["schema"] != nil {
			p.schema = at + "/schema"
		}
		op.parameters = append(slices.DeleteFunc(op.parameters, func(other parameter) bool {
			return other.name == p.name && other.in == p.in
		}), p)
	}
	return nil
}

func (d *Document) readBody(op *operation, at string) error {
	raw, at, err := d.follow(at)
	if err != nil {
		return err
	}
	op.bodyRequired, _ = raw["required"].(bool)
	content, _ := raw["content"].(map[string]any)
	for _, kind := range slices.Sorted(maps.Keys(content)) {
		media, _ := content[kind].(map[string]any)
		if !isJSON(kind) {
			op.otherBodies = append(op.otherBodies, kind)
			continue
		}
		if media["schema"] != nil && op.body == "" {
			op.body = at + "/content/" + escapePointer(kind) + "/schema"
		}
		if media["example"] != nil {
			op.examples = append(op.examples, media["example"])
		}
		named, _ := media["examples"].(map[string]any)
		for _, name := range slices.Sorted(maps.Keys(named)) {
			if value := lookUp(named, name, "value"); value != nil {
				op.examples = append(op.examples, value)
			}
		}
	}
	return nil
}

func (d *Document) readResponse(at string) (answer, error) {
	raw, at, err := d.follow(at)
	if err != nil {
		return answer{}, err
	}
	read := answer{content: map[string]string{}}
	content, _ := raw["content"].(map[string]any)
	for kind, media := range content {
		if media, _ := media.(map[string]any); media["schema"] != nil {
			read.content[kind] = at + "/content/" + escapePointer(kind) + "/schema"
		} else {
			read.content[kind] = ""
		}
	}
	headers, _ := raw["headers"].(map[string]any)
	for name := range headers {
		header, _, err := d.follow(at + "/headers/" + escapePointer(name))
		if err != nil {
			return answer{}, err
		}
		if header["required"] == true {
			read.headers = append(read.headers, name)
		}
	}
	return read, nil
}

// value is what is at a JSON pointer, nil if there is nothing.
func (d *Document) value(pointer string) any { return valueAt(d.root, pointer) }

// follow returns the object at a pointer, or the one that it refers to, and
// where that is.
func (d *Document) follow(pointer string) (map[string]any, string, error) {
	for range maxRefs {
		object, ok := d.value(pointer).(map[string]any)
		if !ok {
			return nil, "", fmt.Errorf("there is no object at #%s", pointer)
		}
		ref, ok := object["$ref"].(string)
		if !ok {
			return object, pointer, nil
		}
		pointer = pointerOf(ref)
	}
	return nil, "", fmt.Errorf("the references at #%s lead nowhere", pointer)
}

var pathVariable = regexp.MustCompile(`\{[^{}]*\}`)

// key is the same for operations that differ in the names of variables only.
func (op *operation) key() string {
	return op.method + " " + pathVariable.ReplaceAllString(op.path, "{}")
}

// variables are the names in the path.
func (op *operation) variables() []string {
	var names []string
	for _, found := range pathVariable.FindAllString(op.path, -1) {
		names = append(names, strings.Trim(found, "{}"))
	}
	return names
}

// response is what the document says of a status.
func (op *operation) response(status int) (answer, bool) {
	for _, key := range []string{strconv.Itoa(status), fmt.Sprintf("%dXX", status/100), "DEFAULT"} {
		if found, ok := op.responses[key]; ok {
			return found, true
		}
	}
	return answer{}, false
}

// statuses are those that the document lists.
func (op *operation) statuses() string {
	return strings.ToLower(strings.Join(slices.Sorted(maps.Keys(op.responses)), ", "))
}

// isJSON reports whether a body of the media type is JSON.
func isJSON(kind string) bool {
	kind, _, _ = strings.Cut(strings.ToLower(kind), ";")
	kind = strings.TrimSpace(kind)
	return kind == "application/json" || strings.HasSuffix(kind, "+json")
}

func textOf(value any) string {
	text, _ := value.(string)
	return text
}

// lookUp is what is at the end of the keys, nil if there is nothing.
func lookUp(value any, keys ...string) any {
	for _, key := range keys {
		object, _ := value.(map[string]any)
		value = object[key]
	}
	return value
}

// valueAt is what is at a JSON pointer, nil if there is nothing.
func valueAt(value any, pointer string) any {
	if pointer == "" {
		return value
	}
	for part := range strings.SplitSeq(strings.TrimPrefix(pointer, "/"), "/") {
		part = strings.ReplaceAll(strings.ReplaceAll(part, "~1", "/"), "~0", "~")
		switch container := value.(type) {
		case map[string]any:
			value = container[part]
		case []any:
			i, err := strconv.Atoi(part)
			if err != nil || i < 0 || i >= len(container) {
				return nil
			}
			value = container[i]
		default:
			return nil
		}
	}
	return value
}

func escapePointer(part string) string {
	return strings.ReplaceAll(strings.ReplaceAll(part, "~", "~0"), "/", "~1")
}

// pointerOf is where a reference leads within the document.
func pointerOf(ref string) string {
	pointer := strings.TrimPrefix(ref, "#")
	if unescaped, err := url.PathUnescape(pointer); err == nil {
		return unescaped
	}
	return pointer
}
