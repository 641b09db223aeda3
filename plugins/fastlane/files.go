package fastlane

import (
	"database/sql"
	"errors"
	"net/http"
	"net/url"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"time"

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
	call, reason := p.prepareFile(e)
	if reason != "" {
		return reason, nil
	}
	name := e.Request.PathValue("filename")
	field, reason, err := call.fieldOf(name)
	switch {
	case reason != "":
		return reason, nil
	case err != nil:
		return "", e.NotFoundError("", err)
	case field == nil:
		return "", e.NotFoundError("", nil)
	}
	return p.send(e, call.plan.shelf.blank.Collection().BaseFilesPath()+"/"+call.values.recordID, name, field), nil
}

// prepareFile finds the plan of a request for a file. It asks the database nothing.
func (p *Plugin) prepareFile(e *core.RequestEvent) (*call, Reason) {
	if reason := p.untouchedFile(e); reason != "" {
		return nil, reason
	}
	id, name := e.Request.PathValue("recordId"), e.Request.PathValue("filename")
	if !fileWithin.MatchString(id) || !fileWithin.MatchString(name) || strings.HasSuffix(name, sidecar) || strings.Contains(name, "..") {
		return nil, ReasonFileName
	}
	s, c, db, reason := p.subject(e)
	if reason != "" {
		return nil, reason
	}
	key := planKey{collection: c, action: file}
	made := &call{app: e.App, db: db, schema: s, plugin: p, values: values{recordID: id}}
	made.plan = s.plan(key, p.config.Plans, func() *plan { return compileFiles(e.App, db, c) })
	return made, made.plan.reason
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

// send serves the file, or the thumb of it that is asked for.
func (p *Plugin) send(e *core.RequestEvent, folder, name string, field *core.FileField) Reason {
	files, reason := p.storage.of(e.App)
	if reason != "" {
		return reason
	}
	path, served, forced := folder+"/"+name, name, false
	if e.Request.URL.RawQuery != "" {
		query := e.Request.URL.Query()
		forced = query.Has("download")
		if size := query.Get("thumb"); size != "" && (size == defaultThumb || slices.Contains(field.Thumbs, size)) {
			original, err := files.system.Attributes(path)
			if err != nil {
				return ReasonFile
			}
			if slices.Contains(thumbed, original.ContentType) {
				served = size + "_" + name
				path = folder + "/thumbs_" + name + "/" + served
				if there, err := files.system.Exists(path); err != nil || !there {
					return ReasonThumb
				}
			}
		}
	}
	header := e.Response.Header()
	const framing = "X-Frame-Options"
	framed, was := header[framing]
	delete(header, framing) // as PocketBase does for files
	if err := files.serve(e, path, served, forced); err != nil {
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
type storage struct{ kept atomic.Pointer[localFiles] }

func (s *storage) of(app core.App) (*localFiles, Reason) {
	if kept := s.kept.Load(); kept != nil {
		return kept, ""
	}
	root, err := filepath.Abs(filepath.Join(app.DataDir(), core.LocalStorageDirName))
	if err != nil {
		return nil, ReasonFile
	}
	made := &localFiles{root: root, labels: map[string]label{}}
	if made.system, err = filesystem.NewLocal(root); err != nil {
		return nil, ReasonFile
	}
	s.kept.Store(made)
	return made, ""
}

// localFiles serves files. What PocketBase's own code says of one is kept for as long
// as what it reads for that is the same.
type localFiles struct {
	root   string
	system *filesystem.System

	mu     sync.RWMutex
	labels map[string]label // by path
}

// label is what PocketBase says of a file.
type label struct {
	sidecar os.FileInfo
	values  [len(labelled)]string
}

// labelled are the headers that PocketBase gives files, if nobody else has.
var labelled = [...]string{"Content-Disposition", "Content-Type", "Content-Security-Policy", "Cache-Control"}

const (
	mostLabels = 5000
	// settled is how old a sidecar has to be, so that it cannot be written again
	// within what its file system takes for one moment.
	settled = 2 * time.Second
)

// serve serves a file. It fails before it has written anything.
func (l *localFiles) serve(e *core.RequestEvent, path, name string, forced bool) error {
	full := filepath.Join(l.root, path)
	noted, err := os.Stat(full + sidecar)
	if err != nil || forced || time.Since(noted.ModTime()) < settled {
		return l.system.Serve(e.Response, e.Request, path, name)
	}
	said, err := l.label(path, name, noted)
	if err != nil {
		return err
	}
	file, err := os.Open(full) //nolint:gosec // names and ids are checked, and the record has the file
	if err != nil {
		return err
	}
	defer file.Close()
	info, err := file.Stat()
	if err != nil || info.IsDir() {
		return errors.Join(err, filesystem.ErrNotFound)
	}
	header := e.Response.Header()
	for i, key := range labelled {
		if _, ok := header[key]; !ok {
			header[key] = []string{said.values[i]}
		}
	}
	// from a file itself the system copies to the network
	http.ServeContent(e.Response, e.Request, name, info.ModTime(), file)
	return nil
}

// label returns what PocketBase says of a file with such a sidecar. What is not kept
// yet it is asked for, by a request that nobody has made.
func (l *localFiles) label(path, name string, noted os.FileInfo) (label, error) {
	l.mu.RLock()
	kept, ok := l.labels[path]
	l.mu.RUnlock()
	if ok && unchanged(kept.sidecar, noted) {
		return kept, nil
	}
	answer := scratch{}
	if err := l.system.Serve(answer, &http.Request{Method: http.MethodHead, URL: &url.URL{}, Header: http.Header{}}, path, name); err != nil {
		return label{}, err
	}
	made := label{sidecar: noted}
	for i, key := range labelled {
		made.values[i] = http.Header(answer).Get(key)
	}
	if after, err := os.Stat(filepath.Join(l.root, path) + sidecar); err == nil && unchanged(noted, after) {
		l.keep(path, made)
	}
	return made, nil
}

// unchanged tells whether a file has not been written since.
func unchanged(before, after os.FileInfo) bool {
	return os.SameFile(before, after) && before.ModTime().Equal(after.ModTime()) && before.Size() == after.Size()
}

func (l *localFiles) keep(path string, made label) {
	l.mu.Lock()
	defer l.mu.Unlock()
	for other := range l.labels {
		if len(l.labels) < mostLabels {
			break
		}
		delete(l.labels, other)
	}
	l.labels[path] = made
}
