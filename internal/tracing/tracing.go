// Package tracing is what the parts of the program share of traces: where in a
// trace a goroutine is, and how W3C writes that down. What records spans is
// plugins/observe/traces.
//
//	release := tracing.Bind(ctx, traceID)
//	defer release()
//	...
//	tracing.Bound() // anywhere below, without being given the context
//
// PocketBase runs most statements and hooks without the context of the request that
// they are for. It does so on the goroutine of the request, or on one that this has
// started, so that is where the context is kept.
package tracing

import (
	"context"
	"runtime/pprof"
	"sync"
	"unsafe"
)

// The labels of a goroutine are the one thing of it that goroutines which it starts
// inherit. package pprof sets them for profiles and has no way to ask for them; these
// two are kept as they are for those who do, see go.dev/issue/67401. Only the address
// is used, never what is behind it.
//
//go:linkname labels runtime/pprof.runtime_getProfLabel
func labels() unsafe.Pointer

//go:linkname setLabels runtime/pprof.runtime_setProfLabel
func setLabels(labels unsafe.Pointer)

// bound are contexts by the address of the labels that stand for them. It is shared
// by all apps of a process, as goroutines are. An address is in here for as long as
// it is bound, so no other labels can be given it meanwhile.
var bound sync.Map

// Bind makes ctx the context of this goroutine, and of those that it starts, until
// release is called on the same goroutine. Calls may be nested. Profiles of the
// processor name the trace as the label trace_id.
func Bind(ctx context.Context, traceID string) (release func()) {
	before := labels()
	pprof.SetGoroutineLabels(pprof.WithLabels(ctx, pprof.Labels("trace_id", traceID)))
	mine := labels()
	bound.Store(mine, ctx)
	return func() {
		bound.Delete(mine)
		setLabels(before)
	}
}

// Bound returns the context of this goroutine, nil if it has none. A goroutine that
// goes on after whoever started it called release has none any more. Code under a
// [pprof.Do] of its own has none either.
func Bound() context.Context {
	mine := labels()
	if mine == nil {
		return nil
	}
	if ctx, ok := bound.Load(mine); ok {
		return ctx.(context.Context)
	}
	return nil
}
