// Package archtest holds the module to its architecture. Its tests read the
// module's packages and sources and fail on an import in the wrong direction, a
// dependency nobody agreed to, a hook that swallows its event, and the like.
//
// The rules themselves are tables in the tests; this file reads what they are
// about.
package archtest

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
)

// Package is what "go list" says of a package.
type Package struct {
	ImportPath, Name, Doc, Dir         string
	GoFiles, TestGoFiles, XTestGoFiles []string
	Imports, TestImports, XTestImports []string
	Module                             *Module
}

// Module is what "go list" says of a module.
type Module struct {
	Path, Version, GoMod string
}

// Files are the paths of the package's own sources, tests too if wanted.
func (p Package) Files(tests bool) []string {
	names := slices.Clone(p.GoFiles)
	if tests {
		names = slices.Concat(names, p.TestGoFiles, p.XTestGoFiles)
	}
	for i, name := range names {
		names[i] = filepath.Join(p.Dir, name)
	}
	return names
}

// List returns the packages that the patterns match, as "go list" does in the
// directory, with their dependencies if deps is set.
func List(ctx context.Context, dir string, deps bool, patterns ...string) ([]Package, error) {
	arguments := []string{"list", "-json=ImportPath,Name,Doc,Dir,GoFiles,TestGoFiles,XTestGoFiles,Imports,TestImports,XTestImports,Module"}
	if deps {
		arguments = append(arguments, "-deps")
	}
	output, err := run(ctx, dir, append(arguments, patterns...)...)
	if err != nil {
		return nil, err
	}
	var packages []Package
	for decoder := json.NewDecoder(bytes.NewReader(output)); ; {
		var p Package
		if err := decoder.Decode(&p); errors.Is(err, io.EOF) {
			return packages, nil
		} else if err != nil {
			return nil, fmt.Errorf("decode the list of packages: %w", err)
		}
		packages = append(packages, p)
	}
}

// Requirements returns the versions that a go.mod file, given by its whole path,
// requires, by module.
func Requirements(ctx context.Context, goMod string) (map[string]string, error) {
	output, err := run(ctx, filepath.Dir(goMod), "mod", "edit", "-json", goMod)
	if err != nil {
		return nil, err
	}
	var file struct {
		Require []struct{ Path, Version string }
		Replace []struct {
			Old, New struct{ Path, Version string }
		}
	}
	if err := json.Unmarshal(output, &file); err != nil {
		return nil, fmt.Errorf("decode %s: %w", goMod, err)
	}
	versions := map[string]string{}
	for _, r := range file.Require {
		versions[r.Path] = r.Version
	}
	for _, r := range file.Replace {
		versions[r.Old.Path] = "replaced by " + r.New.Path + " " + r.New.Version
	}
	return versions, nil
}

// run runs the go command in the directory and returns what it prints.
func run(ctx context.Context, dir string, arguments ...string) ([]byte, error) {
	command := exec.CommandContext(ctx, "go", arguments...)
	command.Dir = dir
	var complaint bytes.Buffer
	command.Stderr = &complaint
	output, err := command.Output()
	if err != nil {
		return nil, fmt.Errorf("go %s: %w: %s", strings.Join(arguments, " "), err, complaint.String())
	}
	return output, nil
}
