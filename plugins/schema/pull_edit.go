package schema

import (
	"bytes"
	"go/ast"
	"go/format"
	"go/parser"
	"go/token"
	"slices"
)

func (p *patcher) offset(at token.Pos) int { return p.files.Position(at).Offset }

// apply is the source with every edit made.
func (p *patcher) apply() []byte {
	slices.SortStableFunc(p.edits, func(a, b edit) int { return a.from - b.from })
	var b bytes.Buffer
	at := 0
	for _, e := range p.edits {
		// neighbours that are removed may share the comma between them
		b.Write(p.code[at:max(at, e.from)])
		b.WriteString(e.text)
		at = max(at, e.to)
	}
	b.Write(p.code[at:])
	return b.Bytes()
}

func (p *patcher) replace(e ast.Expr, text string) {
	p.edits = append(p.edits, edit{p.offset(e.Pos()), p.offset(e.End()), text})
}

// insertFirst puts text at the start of a list.
func (p *patcher) insertFirst(list *ast.CompositeLit, text string) {
	at := p.offset(list.Lbrace) + 1
	if len(list.Elts) == 0 || p.newline(at, p.offset(list.Elts[0].Pos())) >= 0 {
		text = "\n" + text + ","
	} else {
		text += ", "
	}
	p.edits = append(p.edits, edit{at, at, text})
}

// insertAfter puts text behind an element of a list, on a line of its own if the
// element ends its line. A comment behind the element stays with it.
func (p *patcher) insertAfter(e ast.Expr, list *ast.CompositeLit, text string) {
	end := p.offset(e.End())
	next := p.offset(list.Rbrace)
	if i := slices.Index(list.Elts, e); i+1 < len(list.Elts) {
		next = p.offset(list.Elts[i+1].Pos())
	}
	if at := p.newline(end, next); at >= 0 {
		p.edits = append(p.edits, edit{at, at, "\n" + text + ","})
		return
	}
	p.edits = append(p.edits, edit{end, end, ", " + text})
}

// remove takes an element out of a list, with the comment behind it.
func (p *patcher) remove(e ast.Expr, list *ast.CompositeLit) {
	i := slices.Index(list.Elts, e)
	from, to := p.offset(e.Pos()), p.offset(e.End())
	previous, next := p.offset(list.Lbrace)+1, p.offset(list.Rbrace)
	if i > 0 {
		previous = p.offset(list.Elts[i-1].End())
	}
	if i+1 < len(list.Elts) {
		next = p.offset(list.Elts[i+1].Pos())
	}
	start, end := p.newline(previous, from), p.newline(to, next)
	switch {
	case start >= 0 && end >= 0: // lines of its own
		for at := p.newline(start+1, from); at >= 0; at = p.newline(start+1, from) {
			start = at
		}
		p.edits = append(p.edits, edit{start, end, ""})
	case i+1 < len(list.Elts) && (i == 0 || end < 0):
		p.edits = append(p.edits, edit{from, next, ""})
	default: // with the comma before
		p.edits = append(p.edits, edit{previous, to, ""})
	}
}

// newline is the offset of the first end of a line in the range, -1 for none.
func (p *patcher) newline(from, to int) int {
	if i := bytes.IndexByte(p.code[from:to], '\n'); i >= 0 {
		return from + i
	}
	return -1
}

// withoutUnusedVariables removes the variables of a function that nothing uses
// any more, which the compiler would refuse. It reports false when one is
// declared in a way that it does not know.
func withoutUnusedVariables(code []byte, function string) ([]byte, bool) {
	for {
		files := token.NewFileSet()
		parsed, err := parser.ParseFile(files, "", code, parser.SkipObjectResolution)
		if err != nil {
			return nil, false
		}
		body := functionBody(parsed, function)
		unused, known := unusedVariable(body)
		if !known {
			return nil, false
		}
		if unused == nil {
			return code, true
		}
		from, to := files.Position(unused.Pos()).Offset, files.Position(unused.End()).Offset
		rest := code[to:]
		if bytes.HasSuffix(bytes.TrimSpace(code[:from]), []byte("{")) {
			rest = bytes.TrimLeft(rest, " \t\n") // no blank line at the start of the body
		}
		code, err = format.Source(slices.Concat(code[:from], rest))
		if err != nil {
			return nil, false
		}
	}
}

// unusedVariable is the statement or the part of one that declares a variable
// without a use, nil for none.
func unusedVariable(body *ast.BlockStmt) (declaration ast.Node, known bool) {
	uses := identifiers(body)
	for _, statement := range body.List {
		switch s := statement.(type) {
		case *ast.AssignStmt:
			if s.Tok != token.DEFINE {
				continue
			}
			for _, e := range s.Lhs {
				name, ok := e.(*ast.Ident)
				if ok && name.Name != "_" && uses[name.Name] == 1 {
					return s, len(s.Lhs) == 1
				}
			}
		case *ast.DeclStmt:
			group, ok := s.Decl.(*ast.GenDecl)
			if !ok || group.Tok != token.VAR {
				continue
			}
			for _, spec := range group.Specs {
				v, ok := spec.(*ast.ValueSpec)
				if !ok || uses[v.Names[0].Name] > 1 {
					continue
				}
				if len(group.Specs) == 1 {
					return s, len(v.Names) == 1
				}
				return v, len(v.Names) == 1
			}
		}
	}
	return nil, true
}

// identifiers counts the names in a body, without those of fields and methods.
func identifiers(body *ast.BlockStmt) map[string]int {
	counts := map[string]int{}
	var visit func(n ast.Node) bool
	visit = func(n ast.Node) bool {
		switch n := n.(type) {
		case *ast.SelectorExpr:
			ast.Inspect(n.X, visit)
			return false
		case *ast.KeyValueExpr:
			if _, isField := n.Key.(*ast.Ident); !isField {
				ast.Inspect(n.Key, visit)
			}
			ast.Inspect(n.Value, visit)
			return false
		case *ast.Ident:
			counts[n.Name]++
		}
		return true
	}
	ast.Inspect(body, visit)
	return counts
}
