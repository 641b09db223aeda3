package fastlane

import (
	"database/sql"
	"errors"
	"net/http"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"sync/atomic"

	"github.com/pocketbase/dbx"
	"github.com/pocketbase/pocketbase/core"
	"github.com/pocketbase/pocketbase/tools/filesystem"

	"github.com/holdall-go/holdall/internal/sqlite"
)

const filePattern = "GET /api/files/{collection}/{recordId}/{filename}"

// The reasons why a file is left to PocketBase.
const (
	ReasonFileHook  Reason = "A handler of OnFileDownloadRequest is bound."
	ReasonProtected Reason = "The file is protected, so that a rule decides who has it."
	ReasonStorage   Reason = "Files are kept in S3."
	ReasonNoFiles   Reason = "The collection has no files, or is a view with those of others."
	ReasonFileName  Reason = "The name of the file, or the record's id, has unusual characters."
	ReasonThumb     Reason = "The thumb is not there yet."
	ReasonFile      Reason = "The file could not be opened."
)

// shelf is how the files of a collection's records are found. The columns of its
// query are the id, those of the fields in their order, and those of checked.
type shelf struct {
	fields []*core.FileField
	// checked are fields whose values PocketBase fails on when it reads the record.
	checked []core.Field
	blank   *core.Record
}

// fileWithin is a file's name that is one folder's own, and that no file system or
// header reads as something else. PocketBase makes none but such of what is uploaded.
var fileWithin = regexp.MustCompile(`^\w[\w.-]*$`)

// sidecar ends the names of files that PocketBase keeps what it knows of others in.
const sidecar = ".attrs"

// file answers with a file of a record: the row, which tells that the file is the
// record's, is read with each request, and the file served by PocketBase's own code.
func (p *Plugin) file(e *core.RequestEvent) (Reason, error) {
	if reason := p.untouchedFile(e); reason != "" {
		return reason, nil
	}
	id, name := e.Request.PathValue("recordId"), e.Request.PathValue("filename")
	if !fileWithin.MatchString(id) || !fileWithin.MatchString(name) || strings.HasSuffix(name, sidecar) {
		return ReasonFileName, nil
	}
	s := p.current(e.App)
	if s == nil {
		return ReasonNoCache, nil
	}
	c := s.find(e.Request.PathValue("collection"))
	if c == nil {
		return ReasonUnknown, nil
	}
	db, ok := e.App.ConcurrentDB().(*dbx.DB)
	if !ok || db.DriverName() != "sqlite" && db.DriverName() != "sqlite3" {
		return ReasonDatabase, nil
	}
	key := planKey{collection: c, action: file}
	made := &call{app: e.App, db: db, schema: s, plugin: p, values: values{recordID: id}}
	made.plan = s.plan(key, p.config.Plans, func() *plan { return compileFiles(e.App, db, c) })
	if made.plan.reason != "" {
		return made.plan.reason, nil
	}
	field, reason, err := made.fieldOf(name)
	if reason != "" {
		return reason, nil
	}
	if err != nil {
		return "", e.NotFoundError("", err)
	}
	if field == nil {
		return "", e.NotFoundError("", nil)
	}
	return p.send(e, c.BaseFilesPath()+"/"+id, name, field), nil
}

// untouchedFile returns why a request is not what the route makes of it.
func (p *Plugin) untouchedFile(e *core.RequestEvent) Reason {
	switch {
	case e.Request.Method != http.MethodGet && e.Request.Method != http.MethodHead:
		return ReasonMethod
	case e.App.IsTransactional():
		return ReasonTransaction
	case e.Written():
		return ReasonWritten
	case p.downloads.Length() != 0 && !p.ablation.skipHooks:
		return ReasonFileHook
	case e.App.Settings().S3.Enabled:
		return ReasonStorage
	}
	return ""
}

// compileFiles makes the plan of a collection's files. It reads no other columns than
// it needs, as there may be long texts in them.
func compileFiles(app core.App, db *dbx.DB, c *core.Collection) *plan {
	if c.IsView() {
		return handedOn(ReasonNoFiles)
	}
	on := &shelf{blank: core.NewRecord(c)}
	for _, field := range c.Fields {
		_, password := field.(*core.PasswordField)
		k, known := kindOf(field)
		switch f := field.(type) {
		case *core.FileField:
			on.fields = append(on.fields, f)
		default:
			if !known && !password {
				return handedOn(ReasonField)
			}
			if known && k == exact {
				on.checked = append(on.checked, field)
			}
		}
	}
	if len(on.fields) == 0 {
		return handedOn(ReasonNoFiles)
	}
	columns := []string{c.Name + "." + core.FieldNameId}
	for _, field := range on.fields {
		columns = append(columns, c.Name+"."+field.Name)
	}
	for _, field := range on.checked {
		columns = append(columns, c.Name+"."+field.GetName())
	}
	m := newMarks()
	query := app.RecordQuery(c).Select(columns...).AndWhere(dbx.HashExp{c.Name + ".id": m.record}).Limit(1)
	rows, err := newStatement(db, query.Build(), m)
	if err != nil {
		return handedOn(ReasonValues)
	}
	return &plan{rows: rows, shelf: on, bounded: true}
}

// fieldOf returns the first field of the record that has the file, nil if there is
// none. Its error is that of a record that is not there.
func (c *call) fieldOf(name string) (found *core.FileField, reason Reason, err error) {
	w := workspaces.Get().(*workspace)
	defer w.release()
	on, there := c.plan.shelf, false
	reason = c.each(c.plan, c.plan.rows, &c.values, w, func(_ []string, row []sqlite.Value) error {
		there = true
		if row[0] != sqlite.TextValue(c.values.recordID) {
			return errors.New("fastlane: another record's id")
		}
		for i, field := range on.checked {
			raw, err := asStored(&row[1+len(on.fields)+i])
			if err != nil {
				return err
			}
			if _, err := field.PrepareValue(on.blank, raw); err != nil {
				return err
			}
		}
		for i, field := range on.fields {
			ok := eachRelated(&row[1+i], field.IsMultiple(), func(of string) {
				if found == nil && of == name {
					found = field
				}
			})
			if !ok {
				return errors.New("fastlane: names of files that PocketBase has not written")
			}
		}
		return nil
	})
	if reason == "" && !there {
		err = sql.ErrNoRows
	}
	if found != nil && found.Protected {
		return nil, ReasonProtected, nil
	}
	return found, reason, err
}

// send has PocketBase serve the file, or the thumb of it that is asked for.
func (p *Plugin) send(e *core.RequestEvent, folder, name string, field *core.FileField) Reason {
	storage, reason := p.storage.of(e.App)
	if reason != "" {
		return reason
	}
	path, served := folder+"/"+name, name
	if e.Request.URL.RawQuery != "" {
		if size := e.Request.URL.Query().Get("thumb"); size != "" && (size == defaultThumb || slices.Contains(field.Thumbs, size)) {
			original, err := storage.Attributes(path)
			if err != nil {
				return ReasonFile
			}
			if slices.Contains(thumbed, original.ContentType) {
				served = size + "_" + name
				path = folder + "/thumbs_" + name + "/" + served
				if there, err := storage.Exists(path); err != nil || !there {
					return ReasonThumb
				}
			}
		}
	}
	header := e.Response.Header()
	const framing = "X-Frame-Options"
	framed, was := header[framing]
	delete(header, framing) // as PocketBase does for files
	if err := storage.Serve(e.Response, e.Request, path, served); err != nil {
		if was {
			header[framing] = framed
		}
		return ReasonFile
	}
	return ""
}

// What PocketBase makes thumbs of, and of what size in any case.
const defaultThumb = "100x100"

var thumbed = []string{"image/png", "image/jpg", "image/jpeg", "image/gif", "image/webp"}

// storage is PocketBase's own access to the local files, which it makes anew for each
// request.
type storage struct {
	kept atomic.Pointer[filesystem.System]
}

func (s *storage) of(app core.App) (*filesystem.System, Reason) {
	if kept := s.kept.Load(); kept != nil {
		return kept, ""
	}
	made, err := filesystem.NewLocal(filepath.Join(app.DataDir(), core.LocalStorageDirName))
	if err != nil {
		return nil, ReasonFile
	}
	s.kept.Store(made)
	return made, ""
}
