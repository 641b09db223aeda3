package apidoc

import (
	"fmt"
	"reflect"
	"slices"
)

// plan is how a request becomes a struct.
type plan struct {
	parameters []parameter
	body       []int // the index of Body, nil without one
	bodyType   reflect.Type
	recursive  bool // the type of the body has itself within
}

// parameter is a member that a part of the address or a header fills.
type parameter struct {
	field
	in string
}

// requestPlan reads the tags of In. It panics when they make no sense.
func requestPlan(in reflect.Type) plan {
	if in.Kind() != reflect.Struct {
		panic(fmt.Sprintf("apidoc: a request is a struct, not %s", in))
	}
	var p plan
	for _, where := range []string{"path", "query", "header"} {
		for _, f := range fieldsOf(in, where) {
			t := in.FieldByIndex(f.index).Type
			if !scalar(indirect(t)) && (where != "query" || t.Kind() != reflect.Slice || !scalar(t.Elem())) {
				panic(fmt.Sprintf("apidoc: %s.%s cannot be read from the %s", in, f.name, where))
			}
			checkFallback(in, f)
			p.parameters = append(p.parameters, parameter{field: f, in: where})
		}
	}
	if body, ok := in.FieldByName("Body"); ok {
		p.body, p.bodyType = body.Index, body.Type
		checkType(body.Type, map[reflect.Type]bool{})
		p.recursive = recursive(body.Type, nil)
	}
	checkEmbedded(in)
	return p
}

// checkType panics when the tags somewhere below the type make no sense.
func checkType(t reflect.Type, seen map[reflect.Type]bool) {
	switch t.Kind() {
	case reflect.Array:
		panic(fmt.Sprintf("apidoc: a list of a fixed length, as %s is, cannot be read", t))
	case reflect.Chan, reflect.Func, reflect.Complex64, reflect.Complex128, reflect.UnsafePointer:
		panic(fmt.Sprintf("apidoc: %s has no form in JSON", t))
	case reflect.Map:
		if t.Key().Kind() != reflect.String && !opaque(t) {
			panic(fmt.Sprintf("apidoc: the names in %s are no text", t))
		}
		checkType(t.Elem(), seen)
	case reflect.Pointer, reflect.Slice:
		checkType(t.Elem(), seen)
	case reflect.Struct:
		if seen[t] || opaque(t) {
			return
		}
		seen[t] = true
		checkEmbedded(t)
		for _, f := range fieldsOf(t, "json") {
			checkFallback(t, f)
			checkType(t.FieldByIndex(f.index).Type, seen)
		}
	}
}

// recursive reports whether a type has itself within, or one of those that it is
// within.
func recursive(t reflect.Type, within []reflect.Type) bool {
	if slices.Contains(within, t) {
		return true
	}
	within = append(slices.Clip(within), t)
	switch t.Kind() {
	case reflect.Pointer, reflect.Slice, reflect.Map:
		return recursive(t.Elem(), within)
	case reflect.Struct:
		return !opaque(t) && slices.ContainsFunc(fieldsOf(t, "json"), func(f field) bool {
			return recursive(t.FieldByIndex(f.index).Type, within)
		})
	default:
		return false
	}
}

// checkEmbedded panics when a struct embeds a pointer that cannot be set.
func checkEmbedded(t reflect.Type) {
	for i := range t.NumField() {
		if f := t.Field(i); f.Anonymous && f.Type.Kind() == reflect.Pointer && !f.IsExported() {
			panic(fmt.Sprintf("apidoc: %s embeds a pointer to %s, which is not exported", t, f.Type.Elem()))
		}
	}
}

// checkFallback panics when the default of a member is none of its values.
func checkFallback(owner reflect.Type, f field) {
	if f.fallback == nil {
		return
	}
	t := owner.FieldByIndex(f.index).Type
	if !scalar(t) || setScalar(reflect.New(t).Elem(), *f.fallback, limits{}) != nil {
		panic(fmt.Sprintf("apidoc: %s.%s cannot default to %q", owner, f.name, *f.fallback))
	}
}

// opaque reports whether the type reads its own JSON.
func opaque(t reflect.Type) bool {
	p := reflect.PointerTo(t)
	return p.Implements(jsonType) || p.Implements(textType)
}

func scalar(t reflect.Type) bool {
	switch t.Kind() {
	case reflect.String, reflect.Bool, reflect.Float32, reflect.Float64,
		reflect.Int, reflect.Int8, reflect.Int16, reflect.Int32, reflect.Int64,
		reflect.Uint, reflect.Uint8, reflect.Uint16, reflect.Uint32, reflect.Uint64:
		return true
	default:
		return false
	}
}
