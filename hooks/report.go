package hooks

import (
	"bytes"
	"context"
	"database/sql"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"
	"time"

	"github.com/pocketbase/dbx"
	"github.com/pocketbase/pocketbase/core"
	"github.com/pocketbase/pocketbase/tools/filesystem"
	"github.com/pocketbase/pocketbase/tools/hook"

	"github.com/holdall-go/holdall/collections"
	"github.com/holdall-go/holdall/hooks/report"
)

// Jobs is what does work later that must not get lost.
type Jobs interface {
	// Handle has run do the jobs of a kind, again later if it fails. One at a time
	// of a process is enough; they take memory.
	Handle(kind string, run func(ctx context.Context, args json.RawMessage) error) error
	// Enqueue stores a job in the transaction, so that it runs if that is committed.
	Enqueue(tx core.App, kind string, args any) error
}

// ReportKind are the jobs that make the reports of completed orders.
const ReportKind = "work_orders.report"

// reportArgs are what such a job is given.
type reportArgs struct {
	WorkOrder string `json:"workOrder"`
}

// bindReports has a report made of each order that is completed, and a new one
// when something that the report says is changed or added later.
func (h *hooks) bindReports(app core.App) error {
	if h.jobs == nil {
		return nil
	}
	bind(app.OnRecordUpdate(collections.WorkOrders), "holdallReportOrder", h.reportOrder)
	contributions := []string{collections.Notes, collections.Photos}
	for _, event := range []*hook.TaggedHook[*core.RecordEvent]{
		app.OnRecordCreateExecute(contributions...), app.OnRecordUpdateExecute(contributions...), app.OnRecordDeleteExecute(contributions...),
	} {
		// within PocketBase's own handler, which has 99 and stores the files: the
		// transaction must not wait for that
		event.Bind(&hook.Handler[*core.RecordEvent]{Id: "holdallReportContribution", Func: h.reportContribution, Priority: 100})
	}
	return h.jobs.Handle(ReportKind, func(ctx context.Context, raw json.RawMessage) error {
		var args reportArgs
		if err := json.Unmarshal(raw, &args); err != nil {
			return fmt.Errorf("decode the arguments: %w", err)
		}
		return makeReport(ctx, app, args.WorkOrder)
	})
}

// reported are the fields that a report prints.
var reported = []string{
	collections.WorkOrderFieldStatus,
	collections.WorkOrderFieldTitle,
	collections.WorkOrderFieldDescription,
	collections.WorkOrderFieldSite,
	collections.WorkOrderFieldAssignee,
	collections.WorkOrderFieldScheduledStart,
	collections.WorkOrderFieldScheduledEnd,
	collections.WorkOrderFieldStartedAt,
	collections.WorkOrderFieldCompletedAt,
	collections.WorkOrderFieldChecklist,
	collections.WorkOrderFieldSignature,
}

// reportOrder stores the job with the order. It runs in the transaction of the
// save, see bindWorkOrders.
func (h *hooks) reportOrder(e *core.RecordEvent) error {
	before, err := storedOrder(e)
	if err != nil {
		return err
	}
	if err := e.Next(); err != nil {
		return err
	}
	order := collections.WorkOrderOf(e.Record)
	changed := slices.ContainsFunc(reported, func(field string) bool {
		return !sameValue(before.GetRaw(field), order.GetRaw(field))
	})
	if order.Status() != collections.WorkOrderStatusCompleted || !changed {
		return nil
	}
	return h.enqueueReport(e.App, order.Id)
}

// reportContribution stores the job with a note or a photo of a completed order:
// telephones send photos when they find a network.
func (h *hooks) reportContribution(e *core.RecordEvent) error {
	order := e.Record.GetString(collections.NoteFieldWorkOrder) // photos have the same field
	return inTransaction(&e.App, func() error {
		if err := e.Next(); err != nil {
			return err
		}
		// not before the write: the order could be completed in between, and its
		// report drawn without this
		var status string
		err := e.App.DB().Select(collections.WorkOrderFieldStatus).From(collections.WorkOrders).
			Where(dbx.HashExp{"id": order}).Row(&status)
		if err != nil && !errors.Is(err, sql.ErrNoRows) { // the order may go with all that is of it
			return fmt.Errorf("find the status of work order %s: %w", order, err)
		}
		if status != collections.WorkOrderStatusCompleted {
			return nil
		}
		return h.enqueueReport(e.App, order)
	})
}

func (h *hooks) enqueueReport(tx core.App, order string) error {
	if err := h.jobs.Enqueue(tx, ReportKind, reportArgs{WorkOrder: order}); err != nil {
		return fmt.Errorf("enqueue the report of work order %s: %w", order, err)
	}
	return nil
}

// drawings is how often a report is drawn by one attempt of its job.
const drawings = 3

// makeReport draws the report of the order and stores it with the order, in place
// of an older one. It does nothing for an order that is gone, or has this report.
//
// What changes while it draws, such as the name of the site, may have no job of
// its own, so it draws again.
func makeReport(ctx context.Context, app core.App, id string) error {
	for range drawings {
		if current, err := drawReport(ctx, app, id); err != nil || current {
			return err
		}
	}
	return fmt.Errorf("work order %s changes whenever its report is drawn", id)
}

// drawReport tells whether the order has its report now, or needs none. It stores
// none that is out of date by the time that it is drawn.
func drawReport(ctx context.Context, app core.App, id string) (current bool, err error) {
	content, order, err := readReport(app, id)
	if err != nil || order == nil {
		return true, err
	}
	fingerprint, err := content.Fingerprint()
	if err != nil || strings.Contains(order.Report(), fingerprint) {
		return true, err
	}
	var pdf bytes.Buffer
	if err := report.Write(ctx, &pdf, content); err != nil {
		return false, fmt.Errorf("draw the report of work order %s: %w", id, err)
	}
	err = app.RunInTransaction(func(tx core.App) error {
		content, order, err := readReport(tx, id)
		if current = order == nil; err != nil || current {
			return err
		}
		now, err := content.Fingerprint()
		if current = now == fingerprint; err != nil || !current {
			return err
		}
		file, err := filesystem.NewFileFromBytes(pdf.Bytes(), fmt.Sprintf("work-order-%d-%s.pdf", order.Number(), fingerprint))
		if err != nil {
			return fmt.Errorf("name the report of work order %s: %w", id, err)
		}
		order.SetReport(file)
		if err := tx.Save(order); err != nil {
			return fmt.Errorf("store the report of work order %s: %w", id, err)
		}
		return nil
	})
	return current, err
}

// readReport collects what the report of an order says. The order is nil when it
// is gone, or not completed.
func readReport(app core.App, id string) (report.Report, *collections.WorkOrder, error) {
	var content report.Report
	order, err := collections.FindWorkOrderById(app, id)
	if errors.Is(err, sql.ErrNoRows) {
		return content, nil, nil
	}
	if err != nil {
		return content, nil, fmt.Errorf("find work order %s: %w", id, err)
	}
	if order.Status() != collections.WorkOrderStatusCompleted {
		return content, nil, nil
	}
	expand := []string{collections.WorkOrderFieldOrganization, collections.WorkOrderFieldSite, collections.WorkOrderFieldAssignee}
	if failed := app.ExpandRecord(order.ProxyRecord(), expand, nil); len(failed) > 0 {
		for _, err := range failed {
			return content, nil, fmt.Errorf("read what work order %s belongs to: %w", id, err)
		}
	}
	content.Number = order.Number()
	content.Title, content.Description = order.Title(), order.Description()
	content.ScheduledStart, content.ScheduledEnd = order.ScheduledStart().Time(), order.ScheduledEnd().Time()
	content.Started, content.Completed = order.StartedAt().Time(), order.CompletedAt().Time()
	if organization := order.ExpandedOrganization(); organization != nil {
		content.Organization = organization.Name()
		content.Location = zoneOf(organization)
	}
	if site := order.ExpandedSite(); site != nil {
		content.Site, content.Address = site.Name(), site.Address()
	}
	if assignee := order.ExpandedAssignee(); assignee != nil {
		content.Assignee = assignee.Name()
	}
	items, err := parseChecklist(order.Checklist())
	if err != nil {
		return content, nil, fmt.Errorf("read the checklist of work order %s: %w", id, err)
	}
	for _, item := range items {
		content.Checklist = append(content.Checklist, report.Item{Label: item.Label, Done: item.Done})
	}
	if order.Signature() != "" {
		signature := pictureOf(app, order.ProxyRecord(), order.Signature())
		content.Signature = &signature
	}
	return content, order, readContributions(app, id, &content)
}

// readContributions adds the notes and photos.
func readContributions(app core.App, order string, content *report.Report) error {
	notes, more, err := contributions(app, collections.Notes, order, report.MaxNotes)
	if err != nil {
		return err
	}
	content.MoreNotes = more
	for _, record := range notes {
		note := collections.NoteOf(record)
		content.Notes = append(content.Notes, report.Note{Author: authorOf(record), At: note.Created().Time(), Body: note.Body()})
	}
	photos, more, err := contributions(app, collections.Photos, order, report.MaxPhotos)
	if err != nil {
		return err
	}
	content.MorePhotos = more
	for _, record := range photos {
		photo := collections.PhotoOf(record)
		taken := photo.TakenAt()
		if taken.IsZero() {
			taken = photo.Created()
		}
		content.Photos = append(content.Photos, report.Photo{
			Picture: pictureOf(app, record, photo.Image()), Caption: photo.Caption(), Author: authorOf(record), At: taken.Time(),
		})
	}
	return nil
}

// contributions returns the first records of a collection that belong to the
// order, with their authors, and how many there are besides.
func contributions(app core.App, collection, order string, limit int) ([]*core.Record, int, error) {
	const ofOrder = collections.NoteFieldWorkOrder // photos have the same fields
	total, err := app.CountRecords(collection, dbx.HashExp{ofOrder: order})
	if err != nil {
		return nil, 0, fmt.Errorf("count the %s of work order %s: %w", collection, order, err)
	}
	records := []*core.Record{}
	err = app.RecordQuery(collection).AndWhere(dbx.HashExp{ofOrder: order}).
		OrderBy(collections.NoteFieldCreated, "id").Limit(int64(limit)).All(&records)
	if err != nil {
		return nil, 0, fmt.Errorf("read the %s of work order %s: %w", collection, order, err)
	}
	for _, err := range app.ExpandRecords(records, []string{collections.NoteFieldAuthor}, nil) {
		return nil, 0, fmt.Errorf("read the authors of the %s of work order %s: %w", collection, order, err)
	}
	return records, max(0, int(total)-len(records)), nil
}

// authorOf is the name of who wrote the note or took the photo.
func authorOf(record *core.Record) string {
	author := record.ExpandedOne(collections.NoteFieldAuthor)
	if author == nil {
		return ""
	}
	return author.GetString(collections.UserFieldName)
}

// zoneOf is the time zone of the organization.
func zoneOf(organization *collections.Organization) *time.Location {
	zone, err := time.LoadLocation(organization.Timezone())
	if err != nil {
		return time.UTC // a zone that later data of zones does not have
	}
	return zone
}

// pictureOf is a file of the record.
func pictureOf(app core.App, record *core.Record, name string) report.Picture {
	key := record.BaseFilesPath() + "/" + name
	return report.Picture{Name: name, Open: func(ctx context.Context) (io.ReadCloser, error) {
		files, err := app.NewFilesystem()
		if err != nil {
			return nil, err
		}
		files.SetContext(ctx)
		reader, err := files.GetReader(key)
		if errors.Is(err, filesystem.ErrNotFound) {
			err = report.ErrNoPicture
		}
		if err != nil {
			return nil, errors.Join(err, files.Close())
		}
		return storedFile{reader, files}, nil
	}}
}

// storedFile closes the storage with the file.
type storedFile struct {
	io.ReadCloser
	storage io.Closer
}

func (f storedFile) Close() error { return errors.Join(f.ReadCloser.Close(), f.storage.Close()) }
