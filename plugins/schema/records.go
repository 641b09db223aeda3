package schema

import (
	"bytes"
	"errors"
	"fmt"
	"go/ast"
	"go/parser"
	"go/token"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
)

// recordsHeader is the first line of each generated file. It is how the
// generator knows which files are its own.
const recordsHeader = "// Code generated from the collection definitions. DO NOT EDIT."

// GenerateRecords writes a typed record for each definition into the folder
// dir, as Go source of the package packageName: a file <collection>_gen.go with
// the names of the collection, its fields and its select values as constants,
// and a type that embeds [core.BaseRecordProxy] with a getter and a setter for
// each field.
//
// The same definitions always give the same bytes. Files of definitions that no
// longer exist are removed; files that were not generated are never touched.
// Every problem with a name is reported before anything is written: two
// definitions that would give one name, and a name that the package's own
// source already declares.
//
// Definitions may not use what is generated from them, or the generator could
// not be built when its output is missing.
func GenerateRecords(dir, packageName string, definitions []Collection) error {
	declared, err := declaredNames(dir, packageName)
	if err != nil {
		return err
	}
	types, err := recordTypes(definitions, declared)
	if err != nil {
		return err
	}

	files := make(map[string][]byte, len(types))
	for _, t := range types {
		source, err := t.source(packageName)
		if err != nil {
			return fmt.Errorf("generate the record type of %s: %w", t.collection.Name, err)
		}
		files[t.fileName()] = source
	}
	return replaceGenerated(dir, files)
}

// declaredNames are the package-level names that the package's own source files
// declare, with the file that does.
func declaredNames(dir, packageName string) (map[string]string, error) {
	paths, err := filepath.Glob(filepath.Join(dir, "*.go"))
	if err != nil {
		return nil, fmt.Errorf("list the source files of %s: %w", dir, err)
	}
	names := map[string]string{}
	for _, path := range paths {
		source, err := os.ReadFile(path)
		if err != nil {
			return nil, fmt.Errorf("read the declared names: %w", err)
		}
		if isGenerated(source) {
			continue
		}
		file, err := parser.ParseFile(token.NewFileSet(), path, source, parser.SkipObjectResolution)
		if err != nil {
			return nil, fmt.Errorf("read the declared names: %w", err)
		}
		if file.Name.Name == packageName {
			collectNames(file, func(name string) { names[name] = filepath.Base(path) })
		}
	}
	return names, nil
}

// collectNames calls add with each package-level name that file declares.
func collectNames(file *ast.File, add func(name string)) {
	for _, declaration := range file.Decls {
		switch d := declaration.(type) {
		case *ast.FuncDecl:
			if d.Recv == nil {
				add(d.Name.Name)
			}
		case *ast.GenDecl:
			for _, spec := range d.Specs {
				switch s := spec.(type) {
				case *ast.TypeSpec:
					add(s.Name.Name)
				case *ast.ValueSpec:
					for _, name := range s.Names {
						add(name.Name)
					}
				}
			}
		}
	}
}

// replaceGenerated makes files the only generated ones in dir. What is already
// there with the same content is not written again.
func replaceGenerated(dir string, files map[string][]byte) error {
	existing, err := filepath.Glob(filepath.Join(dir, "*_gen.go"))
	if err != nil {
		return fmt.Errorf("list the generated files of %s: %w", dir, err)
	}
	for _, path := range existing {
		source, err := os.ReadFile(path)
		if err != nil {
			return fmt.Errorf("read the previous generated file: %w", err)
		}
		_, wanted := files[filepath.Base(path)]
		if !isGenerated(source) {
			if wanted {
				return fmt.Errorf("%s exists and was not generated: rename or remove it", path)
			}
			continue
		}
		if wanted {
			continue
		}
		if err := os.Remove(path); err != nil {
			return fmt.Errorf("remove the generated file of a collection that is gone: %w", err)
		}
	}

	for name, source := range files {
		path := filepath.Join(dir, name)
		previous, err := os.ReadFile(path)
		if err != nil && !errors.Is(err, fs.ErrNotExist) {
			return fmt.Errorf("read the previous generated file: %w", err)
		}
		if err == nil && bytes.Equal(previous, source) {
			continue
		}
		if err := os.WriteFile(path, source, 0o644); err != nil {
			return fmt.Errorf("write the generated file: %w", err)
		}
	}
	return nil
}

// isGenerated reports whether source is one of the generator's own files.
func isGenerated(source []byte) bool {
	return strings.HasPrefix(string(source), recordsHeader)
}
