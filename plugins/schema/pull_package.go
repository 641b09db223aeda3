package schema

import (
	"errors"
	"fmt"
	"go/ast"
	"go/build"
	"go/format"
	"go/parser"
	"go/token"
	"io"
	"io/fs"
	"maps"
	"os"
	"path"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
)

// goPackage is the Go package that the definitions are in, with the changes that
// are to be made to it.
type goPackage struct {
	dir, name   string
	sources     map[string][]byte // by path, test files excepted
	changed     map[string]bool   // paths to write
	declared    map[string]bool   // package-level names
	definitions map[string]definitionFunc
}

// definitionFunc is a function that returns the definition of a collection.
type definitionFunc struct {
	file, function string
}

// readPackage reads the package in dir. The folder may be empty or missing.
func readPackage(dir string) (*goPackage, error) {
	p := &goPackage{
		dir:         dir,
		name:        packageNameOf(dir),
		sources:     map[string][]byte{},
		changed:     map[string]bool{},
		declared:    map[string]bool{},
		definitions: map[string]definitionFunc{},
	}
	paths, err := filepath.Glob(filepath.Join(dir, "*.go"))
	if err != nil {
		return nil, fmt.Errorf("list the source files of %s: %w", dir, err)
	}
	for _, file := range paths {
		if strings.HasSuffix(file, "_test.go") {
			continue
		}
		source, err := os.ReadFile(file)
		if err != nil {
			return nil, fmt.Errorf("read the definitions: %w", err)
		}
		parsed, err := parser.ParseFile(token.NewFileSet(), file, source, parser.SkipObjectResolution)
		if err != nil {
			return nil, fmt.Errorf("read the definitions: %w", err)
		}
		p.name = parsed.Name.Name
		p.sources[file] = source
		collectNames(parsed, func(name string) { p.declared[name] = true })
		for collection, function := range definitionsIn(parsed) {
			p.definitions[collection] = definitionFunc{file, function}
		}
	}
	return p, nil
}

// packageNameOf is the usual name of the package in a folder.
func packageNameOf(dir string) string {
	if absolute, err := filepath.Abs(dir); err == nil {
		dir = absolute
	}
	name := strings.ToLower(camel(filepath.Base(dir)))
	if !token.IsIdentifier(name) {
		return "collections"
	}
	return name
}

func (p *goPackage) declares(name string) bool { return p.declared[name] }

// definitionsIn are the functions of a file that do nothing but return one
// definition, by the collection.
func definitionsIn(file *ast.File) map[string]string {
	found := map[string]string{}
	for _, declaration := range file.Decls {
		f, ok := declaration.(*ast.FuncDecl)
		if !ok || f.Recv != nil || f.Body == nil || len(f.Type.Params.List) > 0 {
			continue
		}
		if r := f.Type.Results; r == nil || len(r.List) != 1 || !isCollectionType(r.List[0].Type) {
			continue
		}
		var names []string
		ast.Inspect(f.Body, func(n ast.Node) bool {
			if c, ok := n.(*ast.CompositeLit); ok && isCollectionType(c.Type) {
				names = append(names, nameIn(c))
			}
			return true
		})
		if len(names) == 1 && names[0] != "" {
			found[names[0]] = f.Name.Name
		}
	}
	return found
}

// isCollectionType reports whether a type expression is schema.Collection.
func isCollectionType(t ast.Expr) bool {
	s, ok := t.(*ast.SelectorExpr)
	return ok && s.Sel.Name == "Collection"
}

// nameIn is the literal Name in a composite literal, "" when it has none.
func nameIn(c *ast.CompositeLit) string {
	for _, element := range c.Elts {
		pair, ok := element.(*ast.KeyValueExpr)
		if !ok {
			continue
		}
		key, isName := pair.Key.(*ast.Ident)
		value, isLiteral := pair.Value.(*ast.BasicLit)
		if isName && isLiteral && key.Name == "Name" {
			name, _ := strconv.Unquote(value.Value)
			return name
		}
	}
	return ""
}

// newFile is the path for the definition of a collection that has none.
func (p *goPackage) newFile(collection string) string {
	base := strings.TrimLeft(collection, "_")
	if base == "" || strings.HasSuffix(base, "_test") || strings.HasSuffix(base, "_gen") || !builtEverywhere(base+".go") {
		base += "_collection"
	}
	file := filepath.Join(p.dir, base+".go")
	for n := 2; p.sources[file] != nil; n++ {
		file = filepath.Join(p.dir, base+"_"+strconv.Itoa(n)+".go")
	}
	return file
}

// builtEverywhere reports whether the name of a file does not tie it to an
// operating system or processor.
func builtEverywhere(name string) bool {
	nowhere := build.Context{
		GOOS: "none", GOARCH: "none", Compiler: "gc",
		OpenFile: func(string) (io.ReadCloser, error) { return io.NopCloser(strings.NewReader("package p\n")), nil },
	}
	match, err := nowhere.MatchFile("", name)
	return match && err == nil
}

// add adds a file that declares function.
func (p *goPackage) add(file, function string, source []byte) {
	p.set(file, source)
	p.declared[function] = true
}

// set gives a file another content.
func (p *goPackage) set(file string, source []byte) {
	p.sources[file] = source
	p.changed[file] = true
}

// addToAll adds a call of function to the list that the package's function All
// returns. It reports whether there is such a list.
func (p *goPackage) addToAll(function string) bool {
	for _, file := range slices.Sorted(maps.Keys(p.sources)) {
		source := p.sources[file]
		files := token.NewFileSet()
		parsed, err := parser.ParseFile(files, file, source, parser.SkipObjectResolution)
		if err != nil {
			continue
		}
		list := listOfAll(parsed)
		if list == nil {
			continue
		}
		end := files.Position(list.Rbrace).Offset
		insert := function + "(),\n"
		if n := len(list.Elts); n > 0 {
			tail := source[files.Position(list.Elts[n-1].End()).Offset:end]
			if !strings.HasPrefix(strings.TrimSpace(string(tail)), ",") {
				insert = ",\n" + insert
			}
		} else {
			insert = "\n" + insert
		}
		changed, err := format.Source(slices.Concat(source[:end], []byte(insert), source[end:]))
		if err != nil {
			return false
		}
		p.set(file, changed)
		return true
	}
	return false
}

// listOfAll is the list of definitions that the function All returns, nil when
// the file has none of that form.
func listOfAll(file *ast.File) *ast.CompositeLit {
	for _, declaration := range file.Decls {
		f, ok := declaration.(*ast.FuncDecl)
		if !ok || f.Recv != nil || f.Name.Name != "All" || f.Body == nil || len(f.Body.List) == 0 {
			continue
		}
		last, ok := f.Body.List[len(f.Body.List)-1].(*ast.ReturnStmt)
		if !ok || len(last.Results) != 1 {
			continue
		}
		list, ok := last.Results[0].(*ast.CompositeLit)
		if !ok {
			continue
		}
		if slice, ok := list.Type.(*ast.ArrayType); ok && isCollectionType(slice.Elt) {
			return list
		}
	}
	return nil
}

// replace puts the source of a definition in the place of the function that is
// there, whose doc comment stays.
func (p *goPackage) replace(old definitionFunc, s *source) error {
	files := token.NewFileSet()
	before := p.sources[old.file]
	parsed, err := parser.ParseFile(files, old.file, before, parser.SkipObjectResolution)
	if err != nil {
		return fmt.Errorf("read the definition: %w", err)
	}
	for _, declaration := range parsed.Decls {
		f, ok := declaration.(*ast.FuncDecl)
		if !ok || f.Recv != nil || f.Name.Name != old.function {
			continue
		}
		start, end := files.Position(f.Type.Pos()).Offset, files.Position(f.End()).Offset
		after := slices.Concat(before[:start], []byte(strings.TrimSpace(s.String())), before[end:])
		after, err := fixImports(after, s.imports)
		if err != nil {
			return fmt.Errorf("replace the function %s in %s: %w", old.function, old.file, err)
		}
		p.set(old.file, after)
		return nil
	}
	return fmt.Errorf("replace the function %s in %s: it is not there", old.function, old.file)
}

// fixImports removes the imports that a source no longer uses and adds those
// that it needs.
func fixImports(source []byte, needed map[string]bool) ([]byte, error) {
	files := token.NewFileSet()
	parsed, err := parser.ParseFile(files, "", source, parser.ParseComments|parser.SkipObjectResolution)
	if err != nil {
		return nil, err
	}
	used := usedPackages(parsed)
	text := func(from, to token.Pos) string {
		return string(source[files.Position(from).Offset:files.Position(to).Offset])
	}

	specs := map[string]string{} // the text of an import, with its comments, by path
	stale := false
	for _, spec := range parsed.Imports {
		imported, _ := strconv.Unquote(spec.Path.Value)
		if spec.Name == nil && !used[packageOf(imported)] {
			stale = true
			continue
		}
		from, to := spec.Pos(), spec.End()
		if spec.Doc != nil {
			from = spec.Doc.Pos()
		}
		if spec.Comment != nil {
			to = spec.Comment.End()
		}
		specs[imported] = text(from, to)
	}
	missing := false
	for imported := range needed {
		if _, ok := specs[imported]; !ok {
			missing = true
			specs[imported] = strconv.Quote(imported)
		}
	}
	if !stale && !missing {
		return format.Source(source)
	}

	header, body := text(parsed.FileStart, parsed.Name.End()), text(parsed.Name.End(), parsed.FileEnd)
	for _, declaration := range parsed.Decls {
		if d, ok := declaration.(*ast.GenDecl); ok && d.Tok == token.IMPORT {
			body = strings.Replace(body, text(d.Pos(), d.End()), "", 1)
		}
	}
	return format.Source([]byte(header + "\n\n" + importBlock(specs) + body))
}

// usedPackages are the names before a dot.
func usedPackages(file *ast.File) map[string]bool {
	used := map[string]bool{}
	ast.Inspect(file, func(n ast.Node) bool {
		if s, ok := n.(*ast.SelectorExpr); ok {
			if x, ok := s.X.(*ast.Ident); ok {
				used[x.Name] = true
			}
		}
		return true
	})
	return used
}

// packageOf is the likely package name of an import path.
func packageOf(imported string) string {
	name := path.Base(imported)
	if len(name) > 1 && name[0] == 'v' && strings.Trim(name[1:], "0123456789") == "" {
		name = path.Base(path.Dir(imported))
	}
	return name
}

// save writes the files that changed.
func (p *goPackage) save() error {
	if len(p.changed) == 0 {
		return nil
	}
	if err := os.MkdirAll(p.dir, 0o755); err != nil {
		return fmt.Errorf("create the folder of the definitions: %w", err)
	}
	for _, file := range slices.Sorted(maps.Keys(p.changed)) {
		if _, err := parser.ParseFile(token.NewFileSet(), file, p.sources[file], 0); err != nil {
			return fmt.Errorf("write %s: %w", file, err)
		}
	}
	for _, file := range slices.Sorted(maps.Keys(p.changed)) {
		mode := fs.FileMode(0o644)
		if info, err := os.Stat(file); err == nil {
			mode = info.Mode().Perm()
		} else if !errors.Is(err, fs.ErrNotExist) {
			return fmt.Errorf("write the definitions: %w", err)
		}
		if err := os.WriteFile(file, p.sources[file], mode); err != nil {
			return fmt.Errorf("write the definitions: %w", err)
		}
	}
	return nil
}
