package hooks

import (
	"fmt"
	"net/http"
	"net/url"
	"strings"
	"time"

	"github.com/pocketbase/dbx"
	validation "github.com/pocketbase/ozzo-validation/v4"
	"github.com/pocketbase/pocketbase/apis"
	"github.com/pocketbase/pocketbase/core"
	"github.com/pocketbase/pocketbase/tools/types"

	"github.com/holdall-go/holdall/collections"
)

const (
	// boardColumnLimit is how many orders a column shows. Its total counts all.
	boardColumnLimit = 200

	maxBoardQuery = 100 // characters

	// boardUnassigned stands for nobody as the assignee to filter by. No record
	// has it as its id, which has 15 characters.
	boardUnassigned = "none"
)

const messageInvalidQuery = "The query has invalid parameters."

// boardView is the answer of the board route.
type boardView struct {
	Organization boardOrganization `json:"organization"`
	Columns      []boardColumn     `json:"columns"`
	People       []boardPerson     `json:"people"`
	GeneratedAt  types.DateTime    `json:"generatedAt"`
}

type boardOrganization struct {
	ID       string `json:"id"`
	Name     string `json:"name"`
	Slug     string `json:"slug"`
	Timezone string `json:"timezone"`
	Role     string `json:"role"`
}

type boardColumn struct {
	Status string      `json:"status"`
	Total  int         `json:"total"`
	Items  []boardCard `json:"items"`
}

type boardCard struct {
	ID             string    `json:"id"`
	Number         int       `json:"number"`
	Title          string    `json:"title"`
	Status         string    `json:"status"`
	Priority       string    `json:"priority"`
	Assignee       string    `json:"assignee"`
	Site           boardSite `json:"site"`
	ScheduledStart string    `json:"scheduledStart"`
	ScheduledEnd   string    `json:"scheduledEnd"`
	SLADueAt       string    `json:"slaDueAt"`
	SLABreachedAt  string    `json:"slaBreachedAt"`
	ChecklistDone  int       `json:"checklistDone"`
	ChecklistTotal int       `json:"checklistTotal"`
	Updated        string    `json:"updated"`
}

type boardSite struct {
	ID      string `json:"id"`
	Name    string `json:"name"`
	Address string `json:"address"`
}

type boardPerson struct {
	ID     string `db:"id" json:"id"`
	Name   string `db:"name" json:"name"`
	Avatar string `db:"avatar" json:"avatar"`
	Role   string `db:"role" json:"role"`
	// Open is how many orders they have to do, whatever the board is narrowed to.
	Open int `db:"-" json:"open"`
}

// boardFilter narrows the board. Its times are instants, the zero time is no bound.
type boardFilter struct {
	from, until        time.Time // until itself is outside
	assignee, priority string
	text               string
}

// board shows the orders of an organization by status.
func (h *hooks) board(e *core.RequestEvent) error {
	mayRead := func(role string) bool { return isOffice(role) || role == collections.MembershipRoleViewer }
	organization, role, err := organizationFor(e, mayRead, "Technicians have the list of their own orders.")
	if err != nil {
		return answerOf(err, "")
	}
	filter, err := readBoardFilter(e.Request.URL.Query(), organization.Timezone())
	if err != nil {
		return answerOf(err, messageInvalidQuery)
	}
	view := boardView{
		Organization: boardOrganization{
			ID: organization.Id, Name: organization.Name(), Slug: organization.Slug(),
			Timezone: organization.Timezone(), Role: role,
		},
		GeneratedAt: dateTime(h.clock.Now()),
	}
	err = readTransaction(e.Request.Context(), e.App, func(db dbx.Builder) error {
		return view.load(db, filter)
	})
	if err != nil {
		return answerOf(err, "")
	}
	return e.JSON(http.StatusOK, view)
}

// readBoardFilter reads the parameters of the query that the board knows.
func readBoardFilter(query url.Values, timezone string) (boardFilter, error) {
	zone, err := time.LoadLocation(timezone)
	if err != nil {
		zone = time.UTC // an organization that was stored before zones were checked
	}
	problems := validation.Errors{}
	value := func(name string) string {
		if len(query[name]) > 1 {
			problems[name] = errDuplicateField
		}
		return query.Get(name)
	}
	day := func(name string) time.Time {
		text := value(name)
		if text == "" {
			return time.Time{}
		}
		result, err := time.ParseInLocation(time.DateOnly, text, zone)
		if err != nil {
			problems[name] = validation.NewError("validation_invalid_date", "Must be a date such as 2026-01-31.")
		}
		return result
	}

	filter := boardFilter{from: day("from"), assignee: value("assignee"), priority: value("priority"), text: strings.TrimSpace(value("q"))}
	if last := day("to"); !last.IsZero() {
		filter.until = last.AddDate(0, 0, 1)
		if !filter.from.IsZero() && last.Before(filter.from) {
			problems["to"] = validation.NewError(codeEndBeforeStart, "Must not be before from.")
		}
	}
	if filter.priority != "" && defaultSLAHours[filter.priority] == 0 {
		problems["priority"] = validation.NewError("validation_in_invalid", "Must be low, normal, high or urgent.")
	}
	if err := validation.Validate(filter.text, validation.RuneLength(0, maxBoardQuery)); err != nil {
		problems["q"] = err
	}
	if len(problems) > 0 {
		return filter, apis.NewBadRequestError(messageInvalidQuery, problems)
	}
	return filter, nil
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
func (v *boardView) load(db dbx.Builder, filter boardFilter) error {
	where := filter.conditions(v.Organization.ID)
	if err := v.loadTotals(db, where, filter.text != ""); err != nil {
		return fmt.Errorf("count the orders of the board: %w", err)
	}
	if err := v.loadCards(db, where); err != nil {
		return fmt.Errorf("load the cards of the board: %w", err)
	}
	if err := v.loadPeople(db); err != nil {
		return fmt.Errorf("load the people of the board: %w", err)
	}
	return nil
}

// loadPeople reads the members and how many open orders each has.
func (v *boardView) loadPeople(db dbx.Builder) error {
	v.People = []boardPerson{}
	err := db.Select("users.id", "users.name", "users.avatar", "memberships.role").
		From(collections.Memberships).
		InnerJoin(collections.Users, dbx.NewExp("[[users.id]] = [[memberships.user]]")).
		Where(dbx.HashExp{"memberships.organization": v.Organization.ID}).
		OrderBy("users.name", "users.id").
		All(&v.People)
	if err != nil {
		return err
	}
	var counts []struct {
		Assignee string `db:"assignee"`
		Open     int    `db:"open"`
	}
	err = db.Select("assignee", "COUNT(*) AS open").
		From(collections.WorkOrders).
		Where(dbx.HashExp{"organization": v.Organization.ID, "status": openStatuses()}).
		GroupBy("assignee").
		All(&counts)
	if err != nil {
		return err
	}
	open := make(map[string]int, len(counts))
	for _, c := range counts {
		open[c.Assignee] = c.Open
	}
	for i := range v.People {
		v.People[i].Open = open[v.People[i].ID]
	}
	return nil
}

// loadTotals counts what each column would show. It joins the sites only for
// conditions on them: without the join, counting is a matter of an index alone.
func (v *boardView) loadTotals(db dbx.Builder, where dbx.Expression, ofSites bool) error {
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
		column := boardColumn{Status: status, Items: []boardCard{}}
		for _, t := range totals {
			if t.Status == status {
				column.Total = t.Total
			}
		}
		v.Columns = append(v.Columns, column)
	}
	return nil
}

// cardRow is a card as the database gives it.
type cardRow struct {
	ID             string        `db:"id"`
	Number         int           `db:"number"`
	Title          string        `db:"title"`
	Status         string        `db:"status"`
	Priority       string        `db:"priority"`
	Assignee       string        `db:"assignee"`
	Site           string        `db:"site"`
	SiteName       string        `db:"siteName"`
	SiteAddress    string        `db:"siteAddress"`
	ScheduledStart string        `db:"scheduledStart"`
	ScheduledEnd   string        `db:"scheduledEnd"`
	SLADueAt       string        `db:"slaDueAt"`
	SLABreachedAt  string        `db:"slaBreachedAt"`
	Checklist      types.JSONRaw `db:"checklist"`
	Updated        string        `db:"updated"`
}

// loadCards reads what each column shows: first what is to be done first, and
// of what is over the latest.
func (v *boardView) loadCards(db dbx.Builder, where dbx.Expression) error {
	for i := range v.Columns {
		column := &v.Columns[i]
		if column.Total == 0 {
			continue
		}
		order := "ASC"
		if isFinal(column.Status) {
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
			AndWhere(dbx.HashExp{"work_orders.status": column.Status}).
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
