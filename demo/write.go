package demo

import (
	"errors"
	"fmt"
	"runtime"
	"sync"
	"sync/atomic"

	"github.com/pocketbase/pocketbase/core"
	"github.com/pocketbase/pocketbase/tools/filesystem"
	"github.com/pocketbase/pocketbase/tools/security"

	"github.com/holdall-go/holdall/collections"
)

// writer brings a data set into an app.
type writer struct {
	app      core.App
	config   Config
	set      *dataset
	progress *progress
}

func newWriter(app core.App, config Config, set *dataset) *writer {
	return &writer{app: app, config: config, set: set, progress: newProgress(config.Output)}
}

// write stores the images, then all records in one transaction. Images of a
// transaction that fails are removed again.
func (w *writer) write() (Result, error) {
	defer w.progress.stop()

	hashes := hasher{app: w.app, byCost: map[int]string{}}
	hash, err := hashes.of(collections.Users)
	if err != nil {
		return Result{}, err
	}
	b, err := newBatch(w.app, w.set, hash)
	if err != nil {
		return Result{}, err
	}
	superuser, err := w.superuser(hashes)
	if err != nil {
		return Result{}, err
	}
	if superuser != nil {
		b.add(superuser, w.config.Now, w.config.Now)
	}

	if w.config.withoutImages {
		b.uploads = nil
	}
	err = w.upload(b.uploads)
	if err == nil {
		err = w.insert(b.records, superuser)
	}
	if err != nil {
		return Result{}, errors.Join(err, w.discard(b.uploads))
	}

	result := Result{Created: true, SeededAt: w.config.Now.UTC(), Records: map[string]int{}, Files: len(b.uploads), Accounts: accounts(superuser != nil)}
	for _, r := range b.records {
		result.Records[r.TableName()]++
	}
	return result, nil
}

// hasher hashes the demo's password as the collections want it, but not twice
// at the same cost: it is slow on purpose.
type hasher struct {
	app    core.App
	byCost map[int]string
}

func (h hasher) of(collection string) (string, error) {
	target, err := h.app.FindCachedCollectionByNameOrId(collection)
	if err != nil {
		return "", fmt.Errorf("find collection %s: %w", collection, err)
	}
	field, ok := target.Fields.GetByName(core.FieldNamePassword).(*core.PasswordField)
	if !ok {
		return "", fmt.Errorf("%s has no password", collection)
	}
	if known, ok := h.byCost[field.Cost]; ok {
		return known, nil
	}
	scratch := core.NewRecord(target)
	scratch.SetPassword(Password)
	hash := scratch.GetString(core.FieldNamePassword + ":hash")
	if hash == "" {
		return "", fmt.Errorf("hash the password of %s", collection)
	}
	h.byCost[field.Cost] = hash
	return hash, nil
}

// superuser returns nil when the app has one whose password somebody knows.
func (w *writer) superuser(hashes hasher) (*core.Record, error) {
	exists, err := hasSuperuser(w.app)
	if err != nil {
		return nil, fmt.Errorf("count the superusers: %w", err)
	}
	if exists {
		return nil, nil
	}
	hash, err := hashes.of(core.CollectionNameSuperusers)
	if err != nil {
		return nil, err
	}
	target, err := w.app.FindCachedCollectionByNameOrId(core.CollectionNameSuperusers)
	if err != nil {
		return nil, fmt.Errorf("find the superusers: %w", err)
	}
	record := core.NewRecord(target)
	record.Id = newDice(w.config.Seed, core.CollectionNameSuperusers).id()
	record.SetEmail(SuperuserEmail)
	record.SetVerified(true)
	record.SetRaw(core.FieldNamePassword, &core.PasswordFieldValue{Hash: hash})
	record.SetTokenKey(security.RandomString(50))
	return record, nil
}

// upload draws and stores the images on all cores.
func (w *writer) upload(uploads []upload) error {
	storage, err := w.app.NewFilesystem()
	if err != nil {
		return fmt.Errorf("open the file storage: %w", err)
	}
	defer storage.Close()

	w.progress.start("Drawing images", len(uploads))
	var (
		workers sync.WaitGroup
		next    atomic.Int64
		failed  = make([]error, runtime.GOMAXPROCS(0))
	)
	for worker := range failed {
		workers.Go(func() {
			for failed[worker] == nil {
				i := int(next.Add(1)) - 1
				if i >= len(uploads) {
					return
				}
				failed[worker] = uploads[i].store(storage)
				w.progress.step()
			}
		})
	}
	workers.Wait()
	return errors.Join(failed...)
}

func (u upload) store(storage *filesystem.System) error {
	content, err := u.draw()
	if err != nil {
		return err
	}
	if err := storage.Upload(content, u.key); err != nil {
		return fmt.Errorf("store %s: %w", u.key, err)
	}
	return nil
}

// discard removes the images of a transaction that failed.
func (w *writer) discard(uploads []upload) error {
	storage, err := w.app.NewFilesystem()
	if err != nil {
		return fmt.Errorf("open the file storage: %w", err)
	}
	defer storage.Close()

	var problems []error
	for _, u := range uploads {
		if err := storage.Delete(u.key); err != nil && !errors.Is(err, filesystem.ErrNotFound) {
			problems = append(problems, fmt.Errorf("remove %s: %w", u.key, err))
		}
	}
	return errors.Join(problems...)
}

// insert writes the records, and the mark that says whose they are.
func (w *writer) insert(records []*core.Record, superuser *core.Record) error {
	w.progress.start("Writing records", len(records))
	m := mark{Seed: w.config.Seed, SeededAt: w.config.Now.UTC()}
	for _, o := range w.set.organizations {
		m.Organizations = append(m.Organizations, o.id)
	}
	for _, p := range w.set.people {
		m.Users = append(m.Users, p.id)
	}
	if superuser != nil {
		m.Superuser = superuser.Id
	}

	return w.app.RunInTransaction(func(tx core.App) error {
		in := &inserter{app: tx, statements: map[string]*statement{}}
		defer in.close()
		for _, r := range records {
			if err := in.insert(r); err != nil {
				return err
			}
			w.progress.step()
		}
		return insertMark(tx, m)
	})
}
