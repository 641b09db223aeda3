package archtest

import (
	"fmt"
	"go/ast"
	"go/parser"
	"go/token"
	"strconv"
	"strings"
)

// Parse parses the files.
func Parse(files *token.FileSet, paths []string) ([]*ast.File, error) {
	sources := make([]*ast.File, 0, len(paths))
	for _, path := range paths {
		source, err := parser.ParseFile(files, path, nil, parser.SkipObjectResolution)
		if err != nil {
			return nil, fmt.Errorf("parse %s: %w", path, err)
		}
		sources = append(sources, source)
	}
	return sources, nil
}

// Uses returns the places that name one of the things, each given as the import
// path of its package, a dot and its name ("time.Sleep"), under whatever name
// the package is imported. Names of two parts are found too
// ("example.com/app/core.List.Add").
func Uses(files *token.FileSet, sources []*ast.File, things ...string) []string {
	var found []string
	for _, source := range sources {
		packages := importNames(source)
		ast.Inspect(source, func(node ast.Node) bool {
			selector, ok := node.(*ast.SelectorExpr)
			if !ok {
				return true
			}
			name := resolve(selector, packages)
			for _, thing := range things {
				if name == thing {
					found = append(found, fmt.Sprintf("%s: %s", files.Position(selector.Pos()), thing))
				}
			}
			return true
		})
	}
	return found
}

// resolve writes a chain of selectors with the import path in place of the
// package's name, "" if it does not begin at a package.
func resolve(selector *ast.SelectorExpr, packages map[string]string) string {
	switch x := selector.X.(type) {
	case *ast.Ident:
		if path, ok := packages[x.Name]; ok {
			return path + "." + selector.Sel.Name
		}
	case *ast.SelectorExpr:
		if head := resolve(x, packages); head != "" {
			return head + "." + selector.Sel.Name
		}
	}
	return ""
}

// importNames maps the names that imports have in the file to their paths.
func importNames(source *ast.File) map[string]string {
	names := map[string]string{}
	for _, spec := range source.Imports {
		path, err := strconv.Unquote(spec.Path.Value)
		if err != nil {
			continue
		}
		name := path[strings.LastIndex(path, "/")+1:]
		if spec.Name != nil {
			name = spec.Name.Name
		}
		names[name] = path
	}
	return names
}
