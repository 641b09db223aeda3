package demo

import (
	"errors"
	"fmt"
	"slices"

	"github.com/pocketbase/dbx"
	"github.com/pocketbase/pocketbase/core"
)

// Remove deletes what [Seed] created: the demo's organizations with everything
// that is in them now, its people, and its superuser. It returns the number of
// deleted records. It refuses with [ErrNotSeeded] or [ErrInUse], and then
// nothing is deleted.
func Remove(app core.App) (deleted int, err error) {
	m, err := findMark(app)
	if err != nil {
		return 0, fmt.Errorf("demo: look for the demo data: %w", err)
	}
	if m == nil {
		return 0, fmt.Errorf("demo: %w", ErrNotSeeded)
	}

	var folders []string
	err = app.RunInTransaction(func(tx core.App) error {
		r := &remover{app: tx, scope: newScope(m)}
		if err := r.check(); err != nil {
			return err
		}
		if folders, err = r.folders(); err != nil {
			return err
		}
		if deleted, err = r.delete(); err != nil {
			return err
		}
		return deleteMark(tx)
	})
	if err != nil {
		return 0, fmt.Errorf("demo: %w", err)
	}
	if err := removeFolders(app, folders); err != nil {
		return deleted, fmt.Errorf("demo: the records are gone, but some of their files are not: %w", err)
	}
	return deleted, nil
}

// remover deletes within one transaction.
type remover struct {
	app   core.App
	scope scope
}

// names lists the collections of the scope in an order in which what refers to
// something goes first.
func (r *remover) names() []string {
	names := append([]string{core.CollectionNameSuperusers}, seededCollections()...)
	slices.Reverse(names)
	return names
}

// check refuses when a record outside the demo refers to one inside.
func (r *remover) check() error {
	for _, name := range r.names() {
		target, err := r.app.FindCachedCollectionByNameOrId(name)
		if err != nil {
			return fmt.Errorf("find collection %s: %w", name, err)
		}
		references, err := r.app.FindCachedCollectionReferences(target)
		if err != nil {
			return fmt.Errorf("find what refers to %s: %w", name, err)
		}
		for from, fields := range references {
			if from.IsView() {
				continue
			}
			for _, field := range fields {
				n, err := r.scope.countOutside(r.app, name, from.Name, field.GetName(), field.(*core.RelationField).IsMultiple())
				if err != nil {
					return fmt.Errorf("count what refers to %s: %w", name, err)
				}
				if n > 0 {
					return fmt.Errorf("%w: %d records of %s by %s", ErrInUse, n, from.Name, field.GetName())
				}
			}
		}
	}
	return nil
}

// folders lists where the files of the scope are in the app's storage.
func (r *remover) folders() ([]string, error) {
	var folders []string
	for _, name := range r.names() {
		c, err := r.app.FindCachedCollectionByNameOrId(name)
		if err != nil {
			return nil, fmt.Errorf("find collection %s: %w", name, err)
		}
		var filled []dbx.Expression
		for _, field := range c.Fields {
			if field.Type() == core.FieldTypeFile {
				filled = append(filled, dbx.NewExp("[["+field.GetName()+"]] NOT IN ('', '[]')"))
			}
		}
		if len(filled) == 0 {
			continue
		}
		var ids []string
		err = r.app.DB().Select("id").From(name).Where(dbx.And(r.scope.of(name), dbx.Or(filled...))).Column(&ids)
		if err != nil {
			return nil, fmt.Errorf("list the files of %s: %w", name, err)
		}
		for _, id := range ids {
			folders = append(folders, c.BaseFilesPath()+"/"+id+"/")
		}
	}
	return folders, nil
}

func (r *remover) delete() (deleted int, err error) {
	for _, table := range []string{core.CollectionNameExternalAuths, core.CollectionNameMFAs, core.CollectionNameOTPs, core.CollectionNameAuthOrigins} {
		if _, err := r.app.DB().Delete(table, r.scope.ofSignIns()).Execute(); err != nil {
			return 0, fmt.Errorf("delete from %s: %w", table, err)
		}
	}
	for _, name := range r.names() {
		result, err := r.app.DB().Delete(name, r.scope.of(name)).Execute()
		if err != nil {
			return 0, fmt.Errorf("delete from %s: %w", name, err)
		}
		n, err := result.RowsAffected()
		if err != nil {
			return 0, fmt.Errorf("count what was deleted from %s: %w", name, err)
		}
		deleted += int(n)
	}
	return deleted, nil
}

func removeFolders(app core.App, folders []string) error {
	storage, err := app.NewFilesystem()
	if err != nil {
		return fmt.Errorf("open the file storage: %w", err)
	}
	defer storage.Close()

	var problems []error
	for _, folder := range folders {
		problems = append(problems, storage.DeletePrefix(folder)...)
	}
	return errors.Join(problems...)
}
