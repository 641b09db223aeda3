package hooks

import (
	"bufio"
	"encoding/csv"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"strconv"
	"strings"
	"time"

	"github.com/pocketbase/dbx"
	"github.com/pocketbase/pocketbase/core"

	"github.com/holdall-go/holdall/collections"
	"github.com/holdall-go/holdall/internal/apidoc"
)

const (
	exportJSON = "json"
	exportCSV  = "csv"
)

// exportPatience is how long a client may take for each exportStretch rows. An
// export holds a read transaction, which keeps the write-ahead log from being
// recycled, so a client that stopped reading must not keep it open.
const (
	exportPatience = time.Minute
	exportStretch  = 500
	exportRetry    = 10 * time.Second // what a client is told while another export runs
)

// exportRequest asks for an export. Both of two formats are refused like one that
// there is not.
type exportRequest struct {
	organizationPath
	Format *string `query:"format" enum:"json,csv" code:"validation_in_invalid" message:"Must be json or csv." doc:"What to send. Defaults to json."`
}

// organizationExport is an export as JSON, which is written row by row.
type organizationExport struct {
	Organizations []*core.Record `json:"organizations" collection:"organizations"`
	Memberships   []*core.Record `json:"memberships" collection:"memberships"`
	Users         []*core.Record `json:"users" collection:"users" doc:"The members."`
	Sites         []*core.Record `json:"sites" collection:"sites"`
	WorkOrders    []*core.Record `json:"work_orders" collection:"work_orders"`
	Notes         []*core.Record `json:"notes" collection:"notes"`
	Photos        []*core.Record `json:"photos" collection:"photos"`
}

func (h *hooks) bindExport(api *apidoc.Router) {
	columns := make([]string, len(csvColumns))
	for i, c := range csvColumns {
		columns[i] = "`" + c.header + "`"
	}
	apidoc.Route(api, apidoc.Op{
		Method: http.MethodGet, Path: "/organizations/{id}/export", ID: "organizations.export",
		Summary: "Export an organization",
		Description: "As JSON the rows of each collection, without files. As CSV the work orders, one a row, with the columns " + strings.Join(columns, ", ") +
			"; cells that a spreadsheet would take for a formula begin with an apostrophe.\n\n" +
			"It is one state of the database, as a file to save. It is complete if it ends properly: the connection is cut when the export fails on the way.",
		Access: apidoc.SignedIn, Collections: people, MaxBody: maxBodyBytes,
		Visible:  membersWith(collections.MembershipRoleOwner),
		Produces: []string{"application/json", "text/csv"},
		Errors:   []int{http.StatusNotFound},
		Problems: []apidoc.Problem{
			{Status: http.StatusForbidden, Code: codeRoleNotAllowed, When: "the caller is no owner"},
			{Status: http.StatusTooManyRequests, Code: codeExportRunning, When: "another export of the organization is running, or too many of others are"},
		},
	}, h.export).BindFunc(admit(isOwner, "Only owners export the organization."))
}

// export sends all that the organization has, row by row from one state of the
// database, so that its memory does not grow with the organization.
func (h *hooks) export(e *core.RequestEvent, in *exportRequest) (*organizationExport, error) {
	organization, format := admitted(e).organization, exportJSON
	if in.Format != nil {
		format = *in.Format
	}

	release, ok := h.exports.take(organization.Id)
	if !ok {
		return nil, tooMany(e, codeExportRunning, "Another export is running. Try again when it is done.", exportRetry)
	}
	defer release()

	stream := &exportStream{event: e, organization: organization.Id}
	stream.out = bufio.NewWriterSize(e.Response, 32<<10)
	write, contentType := stream.writeJSON, "application/json"
	if format == exportCSV {
		write, contentType = stream.writeCSV, "text/csv; charset=utf-8"
	}
	err := readTransaction(e.Request.Context(), e.App, func(db dbx.Builder) error {
		header := e.Response.Header()
		header.Set("Content-Type", contentType)
		header.Set("Content-Disposition", fmt.Sprintf(`attachment; filename="%s-%s.%s"`,
			organization.Slug(), h.clock.Now().UTC().Format(time.DateOnly), format))
		header.Set("Cache-Control", "no-store")
		if err := write(db); err != nil {
			return err
		}
		return stream.out.Flush()
	})
	return nil, finishExport(e, err)
}

// finishExport ends a failed export so that nobody takes a part for the whole:
// once rows are out, the connection is cut instead of ended.
func finishExport(e *core.RequestEvent, err error) error {
	if err == nil {
		return nil
	}
	if !e.Written() {
		e.Response.Header().Del("Content-Disposition")
		e.Response.Header().Del("Content-Type")
		return answerOf(err, "")
	}
	if e.Request.Context().Err() == nil {
		e.App.Logger().Error("An export broke off.", slog.Any("error", err))
	}
	panic(http.ErrAbortHandler)
}

// exportStream writes one export.
type exportStream struct {
	event        *core.RequestEvent
	organization string
	out          *bufio.Writer
	rows         int
}

// exportTable is one collection of the export: its name there is the
// collection's, source is what follows FROM, and reads by an index.
type exportTable struct {
	collection, source string
}

var exportTables = []exportTable{
	{collections.Organizations, "{{organizations}} WHERE [[organizations.id]] = {:organization}"},
	{collections.Memberships, "{{memberships}} WHERE [[memberships.organization]] = {:organization} ORDER BY [[memberships.user]]"},
	{collections.Users, "{{memberships}} JOIN {{users}} ON [[users.id]] = [[memberships.user]]" +
		" WHERE [[memberships.organization]] = {:organization} ORDER BY [[memberships.user]]"},
	{collections.Sites, "{{sites}} WHERE [[sites.organization]] = {:organization} ORDER BY [[sites.name]]"},
	{collections.WorkOrders, "{{work_orders}} WHERE [[work_orders.organization]] = {:organization} ORDER BY [[work_orders.number]]"},
	{collections.Notes, exportedOfOrders(collections.Notes)},
	{collections.Photos, exportedOfOrders(collections.Photos)},
}

// exportedOfOrders reads what belongs to the orders in the orders' own order.
// CROSS JOIN is how SQLite is told to start with the orders.
func exportedOfOrders(collection string) string {
	return "{{work_orders}} CROSS JOIN {{" + collection + "}} ON [[" + collection + ".work_order]] = [[work_orders.id]]" +
		" WHERE [[work_orders.organization]] = {:organization} ORDER BY [[work_orders.number]]"
}

// writeJSON writes one object with the rows of each collection under its name,
// as the API would show them to a member: without hidden fields.
func (s *exportStream) writeJSON(db dbx.Builder) error {
	for i, table := range exportTables {
		separator := ","
		if i == 0 {
			separator = "{"
		}
		if _, err := fmt.Fprintf(s.out, "%s%q:[", separator, table.collection); err != nil {
			return err
		}
		if err := s.writeRows(db, table); err != nil {
			return fmt.Errorf("export %s: %w", table.collection, err)
		}
		if _, err := s.out.WriteString("]"); err != nil {
			return err
		}
	}
	_, err := s.out.WriteString("}\n")
	return err
}

func (s *exportStream) writeRows(db dbx.Builder, table exportTable) error {
	collection, err := s.event.App.FindCachedCollectionByNameOrId(table.collection)
	if err != nil {
		return err
	}
	separator := ""
	return s.each(db, "{{"+table.collection+"}}.*", table.source, func(row dbx.NullStringMap) error {
		record, err := recordOfRow(collection, row)
		if err != nil {
			return err
		}
		encoded, err := json.Marshal(record.PublicExport())
		if err != nil {
			return err
		}
		_, err = s.out.WriteString(separator + string(encoded))
		separator = ",\n"
		return err
	})
}

// each calls use with each row of the organization. The row is only good until
// the next call.
func (s *exportStream) each(db dbx.Builder, columns, source string, use func(dbx.NullStringMap) error) (err error) {
	rows, err := db.NewQuery("SELECT " + columns + " FROM " + source).
		Bind(dbx.Params{"organization": s.organization}).
		WithContext(s.event.Request.Context()).
		Rows()
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, rows.Close()) }()

	row := dbx.NullStringMap{}
	for rows.Next() {
		if s.rows%exportStretch == 0 {
			s.extendDeadline()
		}
		s.rows++
		if err := rows.ScanMap(row); err != nil {
			return err
		}
		if err := use(row); err != nil {
			return err
		}
	}
	return rows.Err()
}

// extendDeadline gives the client time for the next stretch. Where the
// connection has no deadlines, as in tests without one, there is none to extend.
func (s *exportStream) extendDeadline() {
	err := http.NewResponseController(s.event.Response).SetWriteDeadline(time.Now().Add(exportPatience))
	if err != nil && !errors.Is(err, http.ErrNotSupported) {
		s.event.App.Logger().Warn("An export runs without its deadline.", slog.Any("error", err))
	}
}

// recordOfRow makes a record of a row that was read past PocketBase's own queries.
func recordOfRow(collection *core.Collection, row dbx.NullStringMap) (*core.Record, error) {
	record := core.NewRecord(collection)
	for _, field := range collection.Fields {
		name := field.GetName()
		var raw any
		if cell := row[name]; cell.Valid {
			raw = cell.String
		}
		value, err := field.PrepareValue(record, raw)
		if err != nil {
			return nil, fmt.Errorf("read field %s: %w", name, err)
		}
		record.SetRaw(name, value)
	}
	return record, nil
}

// csvColumns are the columns of the CSV, with what the work order's row has for them.
var csvColumns = []struct{ header, expression string }{
	{"number", "[[work_orders.number]]"},
	{"title", "[[work_orders.title]]"},
	{"description", "[[work_orders.description]]"},
	{"status", "[[work_orders.status]]"},
	{"priority", "[[work_orders.priority]]"},
	{"site", "[[sites.name]]"},
	{"address", "[[sites.address]]"},
	{"assignee", "[[users.name]]"},
	{"scheduledStart", "[[work_orders.scheduledStart]]"},
	{"scheduledEnd", "[[work_orders.scheduledEnd]]"},
	{"startedAt", "[[work_orders.startedAt]]"},
	{"completedAt", "[[work_orders.completedAt]]"},
	{"slaDueAt", "[[work_orders.slaDueAt]]"},
	{"slaBreachedAt", "[[work_orders.slaBreachedAt]]"},
	{"created", "[[work_orders.created]]"},
	{"id", "[[work_orders.id]]"},
}

// writeCSV writes the work orders, one a row, for spreadsheets.
func (s *exportStream) writeCSV(db dbx.Builder) error {
	headers := make([]string, len(csvColumns))
	columns := make([]string, len(csvColumns))
	for i, c := range csvColumns {
		headers[i] = c.header
		columns[i] = c.expression + " AS c" + strconv.Itoa(i)
	}
	out := csv.NewWriter(s.out)
	if err := out.Write(headers); err != nil {
		return err
	}
	source := "{{work_orders}} LEFT JOIN {{sites}} ON [[sites.id]] = [[work_orders.site]]" +
		" LEFT JOIN {{users}} ON [[users.id]] = [[work_orders.assignee]]" +
		" WHERE [[work_orders.organization]] = {:organization} ORDER BY [[work_orders.number]]"
	cells := make([]string, len(csvColumns))
	err := s.each(db, strings.Join(columns, ", "), source, func(row dbx.NullStringMap) error {
		for i := range csvColumns {
			cells[i] = spreadsheetCell(row["c"+strconv.Itoa(i)].String)
		}
		return out.Write(cells)
	})
	if err != nil {
		return fmt.Errorf("export the work orders: %w", err)
	}
	out.Flush()
	return out.Error()
}

// spreadsheetCell keeps spreadsheets from taking text for a formula, by the
// apostrophe that they know for "this is text".
func spreadsheetCell(text string) string {
	if text != "" && strings.ContainsRune("=+-@\t\r\n|＝＋－＠", []rune(text)[0]) {
		return "'" + text
	}
	return text
}
