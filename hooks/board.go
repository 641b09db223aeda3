package hooks

import (
	"fmt"
	"net/http"
	"strings"
	"time"

	"github.com/pocketbase/dbx"
	validation "github.com/pocketbase/ozzo-validation/v4"
	"github.com/pocketbase/pocketbase/core"
	"github.com/pocketbase/pocketbase/tools/types"

	"github.com/holdall-go/holdall/collections"
	"github.com/holdall-go/holdall/internal/apidoc"
)

const (
	// boardColumnLimit is how many orders a column shows. Its total counts all.
	boardColumnLimit = 200

	// boardUnassigned stands for nobody as the assignee to filter by. No record
	// has it as its id, which has 15 characters.
	boardUnassigned = "none"
)

// boardRequest asks for a board, which its parameters narrow.
type boardRequest struct {
	organizationPath
	From     string            `query:"from" format:"date" doc:"Only orders that start on this day or later, and those without a start. Days are those of the organization's time zone." example:"2026-01-01"`
	To       string            `query:"to" format:"date" doc:"Only orders that start on this day or earlier, and those without a start." example:"2026-01-31"`
	Assignee string            `query:"assignee" doc:"Only orders of the user with this id, or with \"none\" those of nobody."`
	Priority workOrderPriority `query:"priority" doc:"Only orders of this priority."`
	Text     string            `query:"q" trim:"true" maxLength:"100" doc:"Only orders with this text in their title or the name of their site, or with this number." example:"lift"`
}

// Validate compares the days, of which each is one by itself.
func (r boardRequest) Validate() error {
	if r.From != "" && r.To != "" && r.To < r.From {
		return validation.Errors{"to": validation.NewError(codeEndBeforeStart, "Must not be before from.")}
	}
	return nil
}

// board is the answer of the board route.
type board struct {
	Organization boardOrganization `json:"organization"`
	Columns      []boardColumn     `json:"columns" doc:"One for each status, in the order in which an order goes through them."`
	People       []boardPerson     `json:"people" doc:"The members."`
	GeneratedAt  types.DateTime    `json:"generatedAt"`
}

type boardOrganization struct {
	ID       string     `json:"id"`
	Name     string     `json:"name"`
	Slug     string     `json:"slug"`
	Timezone string     `json:"timezone" doc:"A name of the IANA database."`
	Role     callerRole `json:"role" doc:"The caller's."`
}

type boardColumn struct {
	Status workOrderStatus `json:"status"`
	Total  int             `json:"total" doc:"How many orders there are, of which items has at most 200."`
	Items  []boardCard     `json:"items" doc:"The earliest first; of what is completed or cancelled the latest."`
}

type boardCard struct {
	ID             string            `json:"id"`
	Number         int               `json:"number"`
	Title          string            `json:"title"`
	Status         workOrderStatus   `json:"status"`
	Priority       workOrderPriority `json:"priority"`
	Assignee       string            `json:"assignee" doc:"The id of a user, empty for nobody."`
	Site           boardSite         `json:"site"`
	ScheduledStart apidoc.Moment     `json:"scheduledStart"`
	ScheduledEnd   apidoc.Moment     `json:"scheduledEnd"`
	SLADueAt       apidoc.Moment     `json:"slaDueAt"`
	SLABreachedAt  apidoc.Moment     `json:"slaBreachedAt"`
	ChecklistDone  int               `json:"checklistDone"`
	ChecklistTotal int               `json:"checklistTotal"`
	Updated        apidoc.Moment     `json:"updated"`
}

type boardSite struct {
	ID      string `json:"id"`
	Name    string `json:"name"`
	Address string `json:"address"`
}

type boardPerson struct {
	ID     string         `db:"id" json:"id"`
	Name   string         `db:"name" json:"name"`
	Avatar string         `db:"avatar" json:"avatar" doc:"The name of a file of the user, empty for none."`
	Role   membershipRole `db:"role" json:"role"`
	// Open is how many orders they have to do, whatever the board is narrowed to.
	Open int `db:"-" json:"open" doc:"How many orders they have to do, whatever the board is narrowed to."`
}

// boardFilter narrows the board. Its times are instants, the zero time is no bound.
type boardFilter struct {
	from, until        time.Time // until itself is outside
	assignee, priority string
	text               string
}

func (h *hooks) bindBoard(api *apidoc.Router) {
	mayRead := func(role string) bool { return isOffice(role) || role == collections.MembershipRoleViewer }
	apidoc.Route(api, apidoc.Op{
		Method: http.MethodGet, Path: "/organizations/{id}/board", ID: "organizations.board",
		Summary:     "View the orders of an organization by status",
		Description: "For the office and for viewers. Technicians have the list of work orders, which shows them their own.",
		Access:      apidoc.SignedIn, Collections: people, MaxBody: maxBodyBytes,
		Visible: membersWith(collections.MembershipRoleOwner, collections.MembershipRoleDispatcher, collections.MembershipRoleViewer),
		Errors:  []int{http.StatusNotFound},
		Problems: []apidoc.Problem{
			{Status: http.StatusBadRequest, Field: "to", Code: codeEndBeforeStart, When: "it is before `from`"},
			{Status: http.StatusForbidden, Code: codeRoleNotAllowed, When: "the caller is a technician"},
		},
	}, h.board).BindFunc(admit(mayRead, "Technicians have the list of their own orders."))
}

// board shows the orders of an organization by status.
func (h *hooks) board(e *core.RequestEvent, in *boardRequest) (*board, error) {
	organization, role := admitted(e).organization, admitted(e).role
	view := &board{
		Organization: boardOrganization{
			ID: organization.Id, Name: organization.Name(), Slug: organization.Slug(),
			Timezone: organization.Timezone(), Role: callerRole(role),
		},
		GeneratedAt: dateTime(h.clock.Now()),
	}
	err := readTransaction(e.Request.Context(), e.App, func(db dbx.Builder) error {
		return view.load(db, in.filter(organization.Timezone()))
	})
	if err != nil {
		return nil, answerOf(err, "")
	}
	return view, nil
}

// filter is what the request narrows the board to.
func (r boardRequest) filter(timezone string) boardFilter {
	zone, err := time.LoadLocation(timezone)
	if err != nil {
		zone = time.UTC // an organization that was stored before zones were checked
	}
	day := func(text string) time.Time {
		result, _ := time.ParseInLocation(time.DateOnly, text, zone) // none, or one that was checked
		return result
	}
	filter := boardFilter{from: day(r.From), assignee: r.Assignee, priority: string(r.Priority), text: r.Text}
	if last := day(r.To); !last.IsZero() {
		filter.until = last.AddDate(0, 0, 1)
	}
	return filter
}

// likePattern makes text a LIKE pattern that stands for itself. It is here as
// dbx.Like escapes too, but does not tell SQLite by which character.
var likePattern = strings.NewReplacer(`\`, `\\`, "%", `\%`, "_", `\_`)

// conditions are the filter in SQL, for a query over work_orders and sites.
func (f boardFilter) conditions(organization string) dbx.Expression {
	all := []dbx.Expression{dbx.HashExp{"work_orders.organization": organization}}
	if !f.from.IsZero() {
		all = append(all, dbx.NewExp("([[work_orders.scheduledStart]] = '' OR [[work_orders.scheduledStart]] >= {:from})",
			dbx.Params{"from": dateTime(f.from).String()}))
	}
	if !f.until.IsZero() {
		all = append(all, dbx.NewExp("[[work_orders.scheduledStart]] < {:until}", // '' is less
			dbx.Params{"until": dateTime(f.until).String()}))
	}
	switch f.assignee {
	case "":
	case boardUnassigned:
		all = append(all, dbx.NewExp("[[work_orders.assignee]] = ''"))
	default:
		all = append(all, dbx.HashExp{"work_orders.assignee": f.assignee})
	}
	if f.priority != "" {
		all = append(all, dbx.HashExp{"work_orders.priority": f.priority})
	}
	if f.text != "" {
		all = append(all, dbx.NewExp(
			`([[work_orders.title]] LIKE {:like} ESCAPE '\' OR [[sites.name]] LIKE {:like} ESCAPE '\' OR CAST([[work_orders.number]] AS TEXT) = {:number})`,
			dbx.Params{"like": "%" + likePattern.Replace(f.text) + "%", "number": strings.TrimPrefix(f.text, "#")}))
	}
	return dbx.And(all...)
}

// load fills the columns and the people with a fixed number of queries.
func (b *board) load(db dbx.Builder, filter boardFilter) error {
	where := filter.conditions(b.Organization.ID)
	if err := b.loadTotals(db, where, filter.text != ""); err != nil {
		return fmt.Errorf("count the orders of the board: %w", err)
	}
	if err := b.loadCards(db, where); err != nil {
		return fmt.Errorf("load the cards of the board: %w", err)
	}
	if err := b.loadPeople(db); err != nil {
		return fmt.Errorf("load the people of the board: %w", err)
	}
	return nil
}

// loadPeople reads the members and how many open orders each has.
func (b *board) loadPeople(db dbx.Builder) error {
	b.People = []boardPerson{}
	err := db.Select("users.id", "users.name", "users.avatar", "memberships.role").
		From(collections.Memberships).
		InnerJoin(collections.Users, dbx.NewExp("[[users.id]] = [[memberships.user]]")).
		Where(dbx.HashExp{"memberships.organization": b.Organization.ID}).
		OrderBy("users.name", "users.id").
		All(&b.People)
	if err != nil {
		return err
	}
	var counts []struct {
		Assignee string `db:"assignee"`
		Open     int    `db:"open"`
	}
	err = db.Select("assignee", "COUNT(*) AS open").
		From(collections.WorkOrders).
		Where(dbx.HashExp{"organization": b.Organization.ID, "status": openStatuses()}).
		GroupBy("assignee").
		All(&counts)
	if err != nil {
		return err
	}
	open := make(map[string]int, len(counts))
	for _, c := range counts {
		open[c.Assignee] = c.Open
	}
	for i := range b.People {
		b.People[i].Open = open[b.People[i].ID]
	}
	return nil
}

// loadTotals counts what each column would show. It joins the sites only for
// conditions on them: without the join, counting is a matter of an index alone.
func (b *board) loadTotals(db dbx.Builder, where dbx.Expression, ofSites bool) error {
	var totals []struct {
		Status string `db:"status"`
		Total  int    `db:"total"`
	}
	query := db.Select("work_orders.status", "COUNT(*) AS total").From(collections.WorkOrders)
	if ofSites {
		query.LeftJoin(collections.Sites, dbx.NewExp("[[sites.id]] = [[work_orders.site]]"))
	}
	if err := query.Where(where).GroupBy("work_orders.status").All(&totals); err != nil {
		return err
	}
	for _, status := range statuses {
		column := boardColumn{Status: workOrderStatus(status), Items: []boardCard{}}
		for _, t := range totals {
			if t.Status == status {
				column.Total = t.Total
			}
		}
		b.Columns = append(b.Columns, column)
	}
	return nil
}

// cardRow is a card as the database gives it.
type cardRow struct {
	ID             string            `db:"id"`
	Number         int               `db:"number"`
	Title          string            `db:"title"`
	Status         workOrderStatus   `db:"status"`
	Priority       workOrderPriority `db:"priority"`
	Assignee       string            `db:"assignee"`
	Site           string            `db:"site"`
	SiteName       string            `db:"siteName"`
	SiteAddress    string            `db:"siteAddress"`
	ScheduledStart apidoc.Moment     `db:"scheduledStart"`
	ScheduledEnd   apidoc.Moment     `db:"scheduledEnd"`
	SLADueAt       apidoc.Moment     `db:"slaDueAt"`
	SLABreachedAt  apidoc.Moment     `db:"slaBreachedAt"`
	Checklist      types.JSONRaw     `db:"checklist"`
	Updated        apidoc.Moment     `db:"updated"`
}

// loadCards reads what each column shows: first what is to be done first, and
// of what is over the latest.
func (b *board) loadCards(db dbx.Builder, where dbx.Expression) error {
	for i := range b.Columns {
		column := &b.Columns[i]
		if column.Total == 0 {
			continue
		}
		order := "ASC"
		if isFinal(string(column.Status)) {
			order = "DESC"
		}
		var rows []cardRow
		err := db.Select("work_orders.id", "work_orders.number", "work_orders.title", "work_orders.status",
			"work_orders.priority", "work_orders.assignee", "work_orders.site", "COALESCE(sites.name, '') AS siteName",
			"COALESCE(sites.address, '') AS siteAddress", "work_orders.scheduledStart", "work_orders.scheduledEnd",
			"work_orders.slaDueAt", "work_orders.slaBreachedAt", "work_orders.checklist", "work_orders.updated").
			From(collections.WorkOrders).
			LeftJoin(collections.Sites, dbx.NewExp("[[sites.id]] = [[work_orders.site]]")).
			Where(where).
			AndWhere(dbx.HashExp{"work_orders.status": string(column.Status)}).
			OrderBy("work_orders.scheduledStart "+order, "work_orders.number "+order).
			Limit(boardColumnLimit).
			All(&rows)
		if err != nil {
			return err
		}
		for _, row := range rows {
			column.Items = append(column.Items, row.card())
		}
	}
	return nil
}

func (r cardRow) card() boardCard {
	card := boardCard{
		ID: r.ID, Number: r.Number, Title: r.Title, Status: r.Status, Priority: r.Priority, Assignee: r.Assignee,
		Site:           boardSite{ID: r.Site, Name: r.SiteName, Address: r.SiteAddress},
		ScheduledStart: r.ScheduledStart, ScheduledEnd: r.ScheduledEnd,
		SLADueAt: r.SLADueAt, SLABreachedAt: r.SLABreachedAt, Updated: r.Updated,
	}
	items, _ := parseChecklist(r.Checklist) // an unreadable one counts as none
	card.ChecklistTotal = len(items)
	for _, item := range items {
		if item.Done {
			card.ChecklistDone++
		}
	}
	return card
}
