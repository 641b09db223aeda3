package archtest

import (
	"fmt"
	"go/ast"
	"go/token"
	"maps"
	"strings"
)

// events are the hook handlers of a package.
type events struct {
	files    *token.FileSet
	handlers []handler
	makers   map[string]bool // functions of the package that only return errors
}

// handler is a function that gets an event.
type handler struct {
	event string // its name, as in e
	body  *ast.BlockStmt
}

// SwallowedEvents returns the places where hook handlers of a package may end
// without passing their event on: PocketBase then drops what it was about to do, and answers as
// if it had done it.
//
// A handler is a function of one *core.…Event with an error as its result, that
// is a literal or is named where a function value is needed. It may end with
//
//   - a call that passes the event on: e.Next(), or a call that gets e, e.Next
//     or a function that calls it;
//   - an error: a call that makes one (errors.New, fmt.Errorf, e.BadRequestError
//     and all whose names end likewise), a composite literal, a function of the
//     package that only ends so, or a variable that was just compared with nil;
//   - anything, once e.Next() has been called on the way there.
//
// Handlers of *core.RequestEvent are left out, as a route's handler is the end
// of its chain, and so is what is given to Trigger, for the same reason. The check knows no types and follows no values, so it can be
// fooled, but not by forgetting.
func SwallowedEvents(files *token.FileSet, sources []*ast.File) []string {
	ev := events{files: files, makers: errorMakers(sources)}
	ev.collect(sources)
	var problems []string
	for _, h := range ev.handlers {
		w := walk{events: &ev, event: h.event}
		w.statements(h.body.List, false, map[string]bool{})
		problems = append(problems, w.problems...)
	}
	return problems
}

// collect finds the handlers, and the functions within them that pass their
// event on, such as the body of a transaction.
func (ev *events) collect(sources []*ast.File) {
	used := namesUsedAsValues(sources)
	for _, file := range sources {
		last := map[*ast.FuncLit]bool{} // of a chain that the code itself triggers
		ast.Inspect(file, func(node ast.Node) bool {
			switch f := node.(type) {
			case *ast.CallExpr:
				if method, ok := f.Fun.(*ast.SelectorExpr); ok && method.Sel.Name == "Trigger" {
					for _, argument := range f.Args {
						if literal, ok := argument.(*ast.FuncLit); ok {
							last[literal] = true
						}
					}
				}
			case *ast.FuncLit:
				if name, ok := eventParameter(f.Type); ok && !last[f] {
					ev.add(name, f.Body)
				}
			case *ast.FuncDecl:
				if name, ok := eventParameter(f.Type); ok && f.Body != nil && used[f.Name.Name] {
					ev.add(name, f.Body)
				}
			}
			return true
		})
	}
}

func (ev *events) add(event string, body *ast.BlockStmt) {
	ev.handlers = append(ev.handlers, handler{event, body})
	w := walk{events: ev, event: event}
	ast.Inspect(body, func(node ast.Node) bool {
		f, ok := node.(*ast.FuncLit)
		if !ok {
			return true
		}
		if _, own := eventParameter(f.Type); own {
			return false // a handler itself
		}
		if f.Type.Results.NumFields() == 1 && w.passesOn(f.Body) {
			ev.handlers = append(ev.handlers, handler{event, f.Body})
		}
		return true
	})
}

// eventParameter returns the name of the parameter if the function is one of a
// hook event and returns an error.
func eventParameter(f *ast.FuncType) (name string, ok bool) {
	if f.Params.NumFields() != 1 || f.Results.NumFields() != 1 {
		return "", false
	}
	if result, isName := f.Results.List[0].Type.(*ast.Ident); !isName || result.Name != "error" {
		return "", false
	}
	pointer, isPointer := f.Params.List[0].Type.(*ast.StarExpr)
	if !isPointer {
		return "", false
	}
	typ, isSelector := pointer.X.(*ast.SelectorExpr)
	if !isSelector || !strings.HasSuffix(typ.Sel.Name, "Event") || typ.Sel.Name == "RequestEvent" {
		return "", false
	}
	if pkg, isName := typ.X.(*ast.Ident); !isName || pkg.Name != "core" {
		return "", false
	}
	if names := f.Params.List[0].Names; len(names) == 1 {
		return names[0].Name, true
	}
	return "_", true
}

// namesUsedAsValues are the functions and methods that are named otherwise than
// to call them, which is how handlers are registered, and those that are called
// with nothing but an event, which is how one handler calls another.
func namesUsedAsValues(sources []*ast.File) map[string]bool {
	used := map[string]bool{}
	for _, file := range sources {
		plain := map[*ast.Ident]bool{} // names that are declared or called
		ast.Inspect(file, func(node ast.Node) bool {
			switch n := node.(type) {
			case *ast.FuncDecl:
				plain[n.Name] = true
			case *ast.CallExpr:
				if delegates(n) {
					break
				}
				switch f := n.Fun.(type) {
				case *ast.Ident:
					plain[f] = true
				case *ast.SelectorExpr:
					plain[f.Sel] = true
				}
			}
			return true
		})
		ast.Inspect(file, func(node ast.Node) bool {
			if name, ok := node.(*ast.Ident); ok && !plain[name] {
				used[name.Name] = true
			}
			return true
		})
	}
	return used
}

// delegates reports whether the call's only argument is a variable that is
// called as events are by convention.
func delegates(call *ast.CallExpr) bool {
	if len(call.Args) != 1 {
		return false
	}
	name, ok := call.Args[0].(*ast.Ident)
	return ok && (name.Name == "e" || name.Name == "event")
}

// errorMakers are the functions of the package that return an error on all
// paths, found by repeating until no more are.
func errorMakers(sources []*ast.File) map[string]bool {
	makers := map[string]bool{}
	for grown := true; grown; {
		grown = false
		for _, file := range sources {
			for _, declaration := range file.Decls {
				f, ok := declaration.(*ast.FuncDecl)
				if ok && f.Body != nil && !makers[f.Name.Name] && (returnsErrorType(f) || onlyReturnsErrors(f, makers)) {
					makers[f.Name.Name], grown = true, true
				}
			}
		}
	}
	return makers
}

// returnsErrorType reports whether the result is a pointer to what is called an
// error. A nil one would not be a nil error either.
func returnsErrorType(f *ast.FuncDecl) bool {
	if f.Type.Results.NumFields() != 1 {
		return false
	}
	pointer, ok := f.Type.Results.List[0].Type.(*ast.StarExpr)
	if !ok {
		return false
	}
	switch x := pointer.X.(type) {
	case *ast.Ident:
		return strings.HasSuffix(x.Name, "Error")
	case *ast.SelectorExpr:
		return strings.HasSuffix(x.Sel.Name, "Error")
	default:
		return false
	}
}

func onlyReturnsErrors(f *ast.FuncDecl, makers map[string]bool) bool {
	if f.Type.Results.NumFields() != 1 {
		return false
	}
	returns, good := 0, true
	ast.Inspect(f.Body, func(node ast.Node) bool {
		switch n := node.(type) {
		case *ast.FuncLit:
			return false
		case *ast.ReturnStmt:
			returns++
			good = good && len(n.Results) == 1 && makesError(n.Results[0], makers)
		}
		return good
	})
	return good && returns > 0
}

// makesError reports whether the expression cannot be nil.
func makesError(expression ast.Expr, makers map[string]bool) bool {
	switch x := expression.(type) {
	case *ast.CompositeLit:
		return true
	case *ast.UnaryExpr:
		return x.Op == token.AND
	case *ast.CallExpr:
		switch f := x.Fun.(type) {
		case *ast.Ident:
			return makers[f.Name]
		case *ast.SelectorExpr:
			name := f.Sel.Name
			if pkg, ok := f.X.(*ast.Ident); ok && (pkg.Name == "errors" && name == "New" || pkg.Name == "fmt" && name == "Errorf") {
				return true
			}
			return makers[name] || strings.HasSuffix(name, "Error")
		}
	}
	return false
}

// walk follows the paths through a handler.
type walk struct {
	events   *events
	event    string
	problems []string
}

// statements follows statements in order. passed says whether the event has
// been passed on before them, the result whether it has after them; notNil are
// the variables that are known to hold an error.
func (w *walk) statements(statements []ast.Stmt, passed bool, notNil map[string]bool) bool {
	for _, s := range statements {
		passed = w.statement(s, passed, notNil)
	}
	return passed
}

func (w *walk) statement(statement ast.Stmt, passed bool, notNil map[string]bool) bool {
	switch s := statement.(type) {
	case *ast.ReturnStmt:
		w.end(s, passed, notNil)
		return passed
	case *ast.IfStmt:
		return w.branch(s, passed, notNil)
	case *ast.BlockStmt:
		return w.statements(s.List, passed, notNil)
	case *ast.LabeledStmt:
		return w.statement(s.Stmt, passed, notNil)
	case *ast.ForStmt:
		w.statements(s.Body.List, passed, notNil)
		return passed
	case *ast.RangeStmt:
		w.statements(s.Body.List, passed, notNil)
		return passed
	case *ast.SwitchStmt:
		passed = passed || w.passesOn(s.Init) || w.passesOn(s.Tag)
		w.cases(s.Body, passed, notNil)
		return passed
	case *ast.TypeSwitchStmt:
		w.cases(s.Body, passed, notNil)
		return passed
	case *ast.SelectStmt:
		w.cases(s.Body, passed, notNil)
		return passed
	default:
		return passed || w.passesOn(s)
	}
}

func (w *walk) branch(s *ast.IfStmt, passed bool, notNil map[string]bool) bool {
	passed = passed || w.passesOn(s.Init) || w.passesOn(s.Cond)
	inside := maps.Clone(notNil)
	if name, ok := comparedWithNil(s.Cond); ok {
		inside[name] = true
	}
	after := w.statements(s.Body.List, passed, inside)
	if s.Else == nil {
		return passed
	}
	return w.statement(s.Else, passed, notNil) && after
}

func (w *walk) cases(body *ast.BlockStmt, passed bool, notNil map[string]bool) {
	for _, clause := range body.List {
		switch c := clause.(type) {
		case *ast.CaseClause:
			w.statements(c.Body, passed, notNil)
		case *ast.CommClause:
			w.statements(c.Body, passed, notNil)
		}
	}
}

// end judges a return.
func (w *walk) end(s *ast.ReturnStmt, passed bool, notNil map[string]bool) {
	if passed || len(s.Results) != 1 || w.passesOn(s.Results[0]) || makesError(s.Results[0], w.events.makers) {
		return
	}
	if name, ok := s.Results[0].(*ast.Ident); ok && notNil[name.Name] {
		return
	}
	if call, ok := s.Results[0].(*ast.CallExpr); ok {
		for _, argument := range call.Args {
			// an error that is wrapped stays one, an event that is handed on is another handler's
			if name, ok := argument.(*ast.Ident); ok && (notNil[name.Name] || name.Name == w.event) {
				return
			}
		}
	}
	w.problems = append(w.problems, fmt.Sprintf("%s: returns without %s.Next() and perhaps without an error",
		w.events.files.Position(s.Pos()), w.event))
}

// passesOn reports whether e.Next is named anywhere in the node.
func (w *walk) passesOn(node ast.Node) bool {
	if node == nil {
		return false
	}
	found := false
	ast.Inspect(node, func(n ast.Node) bool {
		if s, ok := n.(*ast.SelectorExpr); ok && s.Sel.Name == "Next" {
			if name, ok := s.X.(*ast.Ident); ok && name.Name == w.event {
				found = true
			}
		}
		return !found
	})
	return found
}

// comparedWithNil returns the variable of "x != nil", alone or beside more conditions.
func comparedWithNil(condition ast.Expr) (string, bool) {
	comparison, ok := condition.(*ast.BinaryExpr)
	if !ok {
		return "", false
	}
	switch comparison.Op {
	case token.LAND:
		if name, ok := comparedWithNil(comparison.X); ok {
			return name, true
		}
		return comparedWithNil(comparison.Y)
	case token.NEQ:
		name, isName := comparison.X.(*ast.Ident)
		other, isOther := comparison.Y.(*ast.Ident)
		if isName && isOther && other.Name == "nil" {
			return name.Name, true
		}
	}
	return "", false
}
