package limits

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"maps"
	"path"

	"github.com/pocketbase/dbx"
	"github.com/pocketbase/pocketbase/core"
	"github.com/pocketbase/pocketbase/tools/filesystem"
	"github.com/pocketbase/pocketbase/tools/hook"

	"github.com/holdall-go/holdall/internal/bg"
)

// countPage is how many records are counted in a transaction.
const countPage = 200

// countedTable says which collections are counted wholly. It is in data.db, as what
// it is about.
const countedTable = `CREATE TABLE IF NOT EXISTS _limits_counted (collection TEXT PRIMARY KEY NOT NULL) WITHOUT ROWID`

// Counting is how far Count is.
type Counting struct {
	// Collection is the name of the one that is being counted.
	Collection string `json:"collection"`
	// Records is how many were looked at, Changed how many of them count in another
	// way than before.
	Records int64 `json:"records"`
	Changed int64 `json:"changed"`
}

// Count counts what was stored before the quota was there, or without PocketBase. A
// collection that was counted is left out, unless everything is to be counted again,
// as after a change of Quota.Of. Writes may go on meanwhile. It refuses nothing, may
// be broken off, and is told of each page of records.
func (p *Plugin) Count(ctx context.Context, again bool, tell func(Counting)) (Counting, error) {
	var sum Counting
	if p.config.Quota.Of == nil {
		return sum, errors.New("limits: there is no quota, so nothing is counted")
	}
	collections, err := p.app.FindAllCollections(core.CollectionTypeBase, core.CollectionTypeAuth)
	if err != nil {
		return sum, fmt.Errorf("find the collections: %w", err)
	}
	files, err := p.app.NewFilesystem()
	if err != nil {
		return sum, fmt.Errorf("open the files: %w", err)
	}
	defer files.Close()
	for _, c := range collections {
		if !again {
			done := 0
			err := p.app.DB().Select("count(*)").From("_limits_counted").Where(dbx.HashExp{"collection": c.Id}).Row(&done)
			if err != nil {
				return sum, fmt.Errorf("read what is counted: %w", err)
			}
			if done > 0 {
				continue
			}
		}
		sum.Collection = c.Name
		counter := &recount{plugin: p, collection: c, files: files, sum: &sum, tell: tell}
		if err := counter.run(ctx, again); err != nil {
			return sum, fmt.Errorf("count %s: %w", c.Name, err)
		}
	}
	sum.Collection = ""
	return sum, nil
}

// recount counts one collection.
type recount struct {
	plugin     *Plugin
	collection *core.Collection
	files      *filesystem.System
	sum        *Counting
	tell       func(Counting)
}

func (r *recount) run(ctx context.Context, again bool) error {
	if again {
		if err := r.gone(ctx); err != nil {
			return err
		}
	}
	for last := ""; ; {
		if err := ctx.Err(); err != nil {
			return err
		}
		page := []*core.Record{}
		err := r.plugin.app.RecordQuery(r.collection).AndWhere(dbx.NewExp("[[id]] > {:last}", dbx.Params{"last": last})).
			OrderBy("id").Limit(countPage).All(&page)
		if err != nil {
			return err
		}
		if len(page) == 0 {
			break
		}
		if err := r.page(page, again); err != nil {
			return err
		}
		last = page[len(page)-1].Id
		if r.tell != nil {
			r.tell(*r.sum)
		}
	}
	_, err := r.plugin.app.NonconcurrentDB().NewQuery("INSERT OR IGNORE INTO _limits_counted (collection) VALUES ({:collection})").
		Bind(dbx.Params{"collection": r.collection.Id}).Execute()
	return err
}

// page counts some records. How large their files are is found out before, so that
// writers wait for nothing but the database.
func (r *recount) page(page []*core.Record, again bool) error {
	ids := make([]string, len(page))
	sizes := make(map[string]map[string]int64, len(page))
	for i, record := range page {
		ids[i] = record.Id
		before, known, err := findCounted(r.plugin.app, record)
		if err != nil {
			return err
		}
		if known && !again {
			continue
		}
		sizes[record.Id] = storedSizes(r.files, record, before.files)
	}
	r.sum.Records += int64(len(page))
	return r.plugin.app.RunInTransaction(func(tx core.App) error {
		records, err := tx.FindRecordsByIds(r.collection, ids)
		if err != nil {
			return err
		}
		for _, record := range records {
			before, known, err := findCounted(tx, record)
			if err != nil {
				return err
			}
			if known && !again {
				continue // it was saved meanwhile
			}
			after := counted{owner: r.plugin.config.Quota.Of(tx, record), files: filesOf(record, before.files, sizes[record.Id])}
			if err := r.settle(tx, record, before, after); err != nil {
				return err
			}
		}
		return nil
	})
}

// settle notes how a record counts now, and changes what its owners have.
func (r *recount) settle(tx core.App, record *core.Record, before, after counted) error {
	if before.owner == after.owner && maps.Equal(before.files, after.files) {
		return nil
	}
	r.sum.Changed++
	err := keepCounted(tx, record, after)
	if err == nil && before.owner != "" {
		err = addUsage(tx, before.owner, Usage{Rows: -1, Bytes: -before.bytes()})
	}
	if err == nil && after.owner != "" {
		err = addUsage(tx, after.owner, Usage{Rows: 1, Bytes: after.bytes()})
	}
	return err
}

// gone takes away what counts of records that are not there any more.
func (r *recount) gone(ctx context.Context) error {
	table := r.collection.Name
	for {
		if err := ctx.Err(); err != nil {
			return err
		}
		var ids []string
		err := r.plugin.app.DB().NewQuery(`SELECT record FROM _limits_records WHERE collection = {:collection}
			AND NOT EXISTS (SELECT 1 FROM {{` + table + `}} WHERE id = record) LIMIT 200`).
			Bind(dbx.Params{"collection": r.collection.Id}).Column(&ids)
		if err != nil || len(ids) == 0 {
			return err
		}
		err = r.plugin.app.RunInTransaction(func(tx core.App) error {
			for _, id := range ids {
				record := core.NewRecord(r.collection)
				record.Id = id
				if _, err := tx.FindRecordById(r.collection, id); err == nil {
					continue // it was created again meanwhile
				}
				before, known, err := findCounted(tx, record)
				if err != nil || !known {
					return err
				}
				if err := r.settle(tx, record, before, counted{}); err != nil {
					return err
				}
			}
			return nil
		})
		if err != nil {
			return err
		}
	}
}

// storedSizes asks how large the files of a record are whose size is not known. A
// file that is missing has none.
func storedSizes(files *filesystem.System, record *core.Record, known map[string]int64) map[string]int64 {
	sizes := map[string]int64{}
	for name := range filesOf(record) {
		if known[name] > 0 {
			continue
		}
		if attributes, err := files.Attributes(path.Join(record.BaseFilesPath(), name)); err == nil {
			sizes[name] = attributes.Size
		}
	}
	return sizes
}

// countAtStart counts in the background what is not counted yet.
func (p *Plugin) countAtStart(app core.App) {
	workers := bg.New(app, "limits count", stopWithin)
	app.OnServe().Bind(&hook.Handler[*core.ServeEvent]{
		Id: "holdallLimitsCount",
		Func: func(e *core.ServeEvent) error {
			if err := e.Next(); err != nil {
				return err
			}
			workers.Go("count", func(ctx context.Context) {
				sum, err := p.Count(ctx, false, nil)
				log := p.app.Logger().With(slog.String("plugin", "limits"), slog.Int64("records", sum.Records), slog.Int64("changed", sum.Changed))
				switch {
				case err != nil && ctx.Err() == nil:
					log.Error("What was stored before the quota cannot be counted.", slog.Any("error", err))
				case err == nil && sum.Changed > 0:
					log.Info("What was stored before the quota is counted.")
				}
			})
			return nil
		},
	})
}
