package contract

import (
	"errors"
	"fmt"
	"net/url"
	"slices"
	"strings"

	"github.com/santhosh-tekuri/jsonschema/v6"
)

// dialect is a document's schemas as they hold in one direction: what is only
// read is no part of requests, what is only written none of answers.
type dialect struct {
	root     map[string]any
	compiler *jsonschema.Compiler
	compiled map[string]*jsonschema.Schema
}

// address is what the compiler knows the document by. Nothing is at it.
const address = "urn:document"

// closed loads nothing: a document that refers to elsewhere is refused before.
type closed struct{}

// Load implements [jsonschema.URLLoader].
func (closed) Load(from string) (any, error) { return nil, fmt.Errorf("%s is not loaded", from) }

// newDialect leaves out the members that have the flag.
func newDialect(root map[string]any, flag string) (*dialect, error) {
	d := &dialect{compiler: jsonschema.NewCompiler(), compiled: map[string]*jsonschema.Schema{}}
	d.root, _ = without(root, root, flag).(map[string]any)
	d.compiler.DefaultDraft(jsonschema.Draft2020)
	d.compiler.AssertFormat()
	d.compiler.UseLoader(closed{})
	if err := d.compiler.AddResource(address, d.root); err != nil {
		return nil, fmt.Errorf("read the schemas: %w", err)
	}
	return d, nil
}

// validate says what of the value is not as the schema at the pointer wants it.
func (d *dialect) validate(pointer string, value any) ([]problem, error) {
	schema, ok := d.compiled[pointer]
	if !ok {
		parts := strings.Split(pointer, "/")
		for i, part := range parts {
			parts[i] = url.PathEscape(part)
		}
		var err error
		if schema, err = d.compiler.Compile(address + "#" + strings.Join(parts, "/")); err != nil {
			return nil, fmt.Errorf("compile the schema at #%s: %w", pointer, err)
		}
		d.compiled[pointer] = schema
	}
	err := schema.Validate(value)
	if err == nil {
		return nil, nil
	}
	var invalid *jsonschema.ValidationError
	if !errors.As(err, &invalid) {
		return nil, fmt.Errorf("validate: %w", err)
	}
	return problemsOf(invalid, value), nil
}

// fits is validate for whom the problems do not matter.
func (d *dialect) fits(pointer string, value any) bool {
	problems, err := d.validate(pointer, value)
	return err == nil && len(problems) == 0
}

// without copies a document, and takes the members with the flag out of the
// objects that schemas describe.
func without(root, value any, flag string) any {
	switch value := value.(type) {
	case []any:
		list := make([]any, len(value))
		for i, item := range value {
			list[i] = without(root, item, flag)
		}
		return list
	case map[string]any:
		object := make(map[string]any, len(value))
		for key, member := range value {
			object[key] = without(root, member, flag)
		}
		properties, _ := object["properties"].(map[string]any)
		required, _ := object["required"].([]any)
		for name, property := range properties {
			if !flagged(root, property, flag) {
				continue
			}
			delete(properties, name)
			required = slices.DeleteFunc(slices.Clone(required), func(r any) bool { return r == name })
			object["required"] = required
		}
		return object
	default:
		return value
	}
}

// flagged reports whether a schema, or what it refers to, has the flag.
func flagged(root, schema any, flag string) bool {
	for range maxRefs {
		object, _ := schema.(map[string]any)
		if object[flag] == true {
			return true
		}
		ref, ok := object["$ref"].(string)
		if !ok {
			return false
		}
		schema = valueAt(root, pointerOf(ref))
	}
	return false
}

// foreignRef is a reference that leads out of the document, "" if none does.
func foreignRef(value any) string {
	switch value := value.(type) {
	case []any:
		for _, item := range value {
			if found := foreignRef(item); found != "" {
				return found
			}
		}
	case map[string]any:
		if ref, ok := value["$ref"].(string); ok && !strings.HasPrefix(ref, "#") {
			return ref
		}
		for key, member := range value {
			if isData(key) {
				continue
			}
			if found := foreignRef(member); found != "" {
				return found
			}
		}
	}
	return ""
}

// isData reports whether what has the key is a value, not a part of a schema.
func isData(key string) bool {
	return slices.Contains([]string{"example", "examples", "default", "enum", "const"}, key)
}

// modernize makes the schemas of OpenAPI 3.0 those of 3.1.
func modernize(value any) {
	switch value := value.(type) {
	case []any:
		for _, item := range value {
			modernize(item)
		}
	case map[string]any:
		for key, member := range value {
			if !isData(key) {
				modernize(member)
			}
		}
		for limit, exclusive := range map[string]string{"minimum": "exclusiveMinimum", "maximum": "exclusiveMaximum"} {
			switch value[exclusive] {
			case true:
				value[exclusive] = value[limit]
				delete(value, limit)
			case false:
				delete(value, exclusive)
			}
		}
		if value["nullable"] == true {
			orNull(value)
		}
	}
}

// orNull makes a schema that is nullable in the words of 3.0 one that has null
// among its types.
func orNull(schema map[string]any) {
	delete(schema, "nullable")
	if kind, ok := schema["type"].(string); ok {
		schema["type"] = []any{kind, "null"}
		if values, ok := schema["enum"].([]any); ok && !slices.Contains(values, nil) {
			schema["enum"] = append(slices.Clone(values), nil)
		}
		return
	}
	for _, key := range []string{"allOf", "oneOf", "anyOf"} {
		if parts, ok := schema[key].([]any); ok {
			delete(schema, key)
			schema["anyOf"] = []any{map[string]any{key: parts}, map[string]any{"type": "null"}}
			return
		}
	}
}
