package fastlane_test

import (
	"fmt"
	"io/fs"
	"net/http/httptest"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/pocketbase/dbx"
	"github.com/pocketbase/pocketbase/apis"
	"github.com/pocketbase/pocketbase/core"
	"github.com/pocketbase/pocketbase/tools/subscriptions"

	"github.com/holdall-go/holdall/internal/pbtest"
)

// twins are two apps that are asked the same: PocketBase, and one with a lane.
type twins struct {
	sides  [2]*twin
	same   *likeness
	tokens []string
	client int
	known  map[string][]string // ids of records by collection, as PocketBase has them
	gone   map[string][]string // those of records that are no more
	made   map[string]bool     // ids that an app has made up
	// skipEdits leaves what is changed to PocketBase, as a lane would that does not notice.
	skipEdits bool
	// onlyHandlers changes nothing else than what is bound.
	onlyHandlers bool
	deaf         bool          // clients of the lane's app hear nothing
	patience     time.Duration // how long messages may take
}

// newTwins starts two apps. Each is as the other but for the lane.
func newTwins(tb testing.TB, w writeWorld) *twins {
	tb.Helper()
	p := &twins{sides: [2]*twin{w.open(tb, false), w.open(tb, !w.stock)}, same: newLikeness(), known: map[string][]string{}, gone: map[string][]string{}, made: map[string]bool{}, patience: time.Minute}
	p.tokens = writeCallers(tb, p.sides[0].app)
	for _, side := range p.sides {
		if err := side.skipLog(); err != nil {
			tb.Fatal(err)
		}
	}
	for _, name := range append(writeCollections, core.CollectionNameSuperusers) {
		var ids []string
		if err := p.sides[0].app.DB().Select("id").From(name).Column(&ids); err != nil {
			tb.Fatal(err)
		}
		p.known[name] = ids
	}
	return p
}

// skipLog begins to read the logs at their end.
func (t *twin) skipLog() error {
	return t.app.DB().NewQuery("SELECT (SELECT MAX(seq) FROM _changes), (SELECT COALESCE(MAX(seq), 0) FROM _changesHistory)").Row(&t.changed, &t.logged)
}

// send asks both and returns how they differ in any way, "" if they do not.
func (p *twins) send(r request) string {
	p.client++
	var answers [2]answer
	for n, side := range p.sides {
		own := r
		if n == 1 {
			own.path, own.body = p.same.lane(r.path, r.references), p.same.lane(r.body, r.references)
		}
		side.seen = nil
		p.same.now[n][0] = time.Now()
		answers[n] = side.ask(own, p.client)
		p.same.now[n][1] = time.Now()
	}
	problems := p.compareLogs()
	if answers[0].status != answers[1].status || answers[0].header != answers[1].header || !p.same.like(answers[0].body, answers[1].body) {
		problems = append(problems, "the answers differ")
	}
	if !p.likeEach(p.sides[0].seen, p.sides[1].seen) {
		problems = append(problems, fmt.Sprintf("handlers saw\n%q, want\n%q", p.sides[1].seen, p.sides[0].seen))
	}
	if len(problems) == 0 {
		return ""
	}
	return fmt.Sprintf("%s %s\nwith %.60s, %s\n%.600s\n%s\ngot  %d %s\n%.900s\nwant %d %s\n%.900s", r.method, r.path, r.token, r.contentType, r.body,
		strings.Join(problems, "\n"), answers[1].status, answers[1].header, answers[1].body, answers[0].status, answers[0].header, answers[0].body)
}

func (p *twins) likeEach(a, b []string) bool { return slices.EqualFunc(a, b, p.same.like) }

// ask sends a request. Each client has an address of its own, so that none is slowed
// down for what another has guessed.
func (t *twin) ask(r request, client int) answer {
	sent := httptest.NewRequest(r.method, r.path, strings.NewReader(r.body))
	sent.RemoteAddr = fmt.Sprintf("10.%d.%d.%d:1000", client>>16&255, client>>8&255, client&255)
	if r.contentType != "" {
		sent.Header.Set("Content-Type", r.contentType)
	}
	if r.token != "" {
		sent.Header.Set("Authorization", r.token)
	}
	if r.open != "" {
		sent.Header.Set("X-Open", r.open)
	}
	rec := httptest.NewRecorder()
	t.handler.ServeHTTP(rec, sent)
	return answer{rec.Code, fmt.Sprint(rec.Result().Header), rec.Body.String()}
}

// change is a row of the log.
type change struct {
	Seq        int64  `db:"seq"`
	Collection string `db:"collection"`
	Table      string `db:"name"`
	Record     string `db:"record"`
	Deleted    bool   `db:"deleted"`
}

func (t *twin) changes() (list []change, err error) {
	err = t.app.DB().NewQuery(`SELECT seq, record, deleted, COALESCE(n.collection, l.c) AS collection, COALESCE(k.name, '') AS name FROM _changes l
		LEFT JOIN _changesNames n ON n.n = l.c LEFT JOIN _collections k ON k.id = n.collection WHERE seq > {:seq} ORDER BY seq`).Bind(dbx.Params{"seq": t.changed}).All(&list)
	if len(list) > 0 {
		t.changed = list[len(list)-1].Seq
	}
	return list, err
}

// compareLogs compares what was written since the last time, in its order, and the
// rows as they are now.
func (p *twins) compareLogs() (problems []string) {
	want, err := p.sides[0].changes()
	if err != nil {
		return []string{err.Error()}
	}
	got, err := p.sides[1].changes()
	if err != nil {
		return []string{err.Error()}
	}
	equal := slices.EqualFunc(want, got, func(a, b change) bool {
		return a.Collection == b.Collection && a.Deleted == b.Deleted && p.same.like(a.Record, b.Record)
	})
	if !equal {
		return []string{fmt.Sprintf("wrote %v, want %v", got, want)}
	}
	for n := range want {
		c := want[n]
		if c.Table == "" {
			continue
		}
		p.note(c)
		if !c.Deleted {
			problems = append(problems, p.compareRows(c.Table, "id", c.Record, got[n].Record)...)
		}
	}
	if problem := p.compareHistory(); problem != "" {
		problems = append(problems, problem)
	}
	return problems
}

// note remembers whether there is such a record.
func (p *twins) note(c change) {
	p.made[c.Record] = p.same.theirs[c.Record] != ""
	at := slices.Index(p.known[c.Table], c.Record)
	switch {
	case c.Deleted && at >= 0:
		p.known[c.Table] = slices.Delete(p.known[c.Table], at, at+1)
		p.gone[c.Table] = append(p.gone[c.Table], c.Record)
	case !c.Deleted && at < 0:
		p.known[c.Table] = append(p.known[c.Table], c.Record)
	}
}

// compareHistory compares the full log: each row before and after, and whose it is.
func (p *twins) compareHistory() string {
	const columns = "c, record, before, after, actorCollection, actor, request, origin"
	var found [2][][]string
	for n, t := range p.sides {
		var err error
		found[n], err = t.read("SELECT "+columns+" FROM _changesHistory WHERE seq > {:seq} ORDER BY seq", strings.Split(columns, ", "), dbx.Params{"seq": t.logged})
		if err == nil {
			err = t.app.DB().NewQuery("SELECT COALESCE(MAX(seq), 0) FROM _changesHistory").Row(&t.logged)
		}
		if err != nil {
			return err.Error()
		}
	}
	if slices.EqualFunc(found[0], found[1], p.same.sameRow) {
		return ""
	}
	return fmt.Sprintf("logged\n%q, want\n%q", found[1], found[0])
}

// compareRows compares the rows of a table that have a value, or all rows.
func (p *twins) compareRows(table, column, want, got string) []string {
	var rows [2][][]string
	for n, value := range []string{want, got} {
		where := ""
		if column != "" {
			where = " WHERE " + column + " = {:value}"
		}
		columns, err := p.sides[n].columns(table)
		if err == nil {
			rows[n], err = p.sides[n].read("SELECT *, rowid FROM {{"+table+"}}"+where+" ORDER BY rowid", columns, dbx.Params{"value": value})
		}
		if err != nil {
			return []string{err.Error()}
		}
	}
	if slices.EqualFunc(rows[0], rows[1], p.same.sameRow) {
		return nil
	}
	return []string{fmt.Sprintf("rows of %s are\n%q, want\n%q", table, rows[1], rows[0])}
}

// columns are those of a table, with the number of the row.
func (t *twin) columns(table string) (names []string, err error) {
	err = t.app.DB().NewQuery("SELECT name FROM pragma_table_info({:table})").Bind(dbx.Params{"table": table}).Column(&names)
	return append(names, "rowid"), err
}

// read reads rows as SQLite writes values out.
func (t *twin) read(query string, columns []string, params dbx.Params) (rows [][]string, err error) {
	quoted := make([]string, len(columns))
	for i, column := range columns {
		quoted[i] = "quote([[" + column + "]])"
	}
	found, err := t.app.DB().NewQuery("SELECT " + strings.Join(quoted, ", ") + " FROM (" + query + ")").Bind(params).Rows()
	if err != nil {
		return nil, err
	}
	defer found.Close()
	for found.Next() {
		row := make([]string, len(columns))
		into := make([]any, len(columns))
		for i := range row {
			into[i] = &row[i]
		}
		if err := found.Scan(into...); err != nil {
			return nil, err
		}
		rows = append(rows, row)
	}
	return rows, found.Err()
}

// compareAll compares the whole databases, what clients of realtime were told and
// the files that are stored.
func (p *twins) compareAll(tb testing.TB) (problems []string) {
	tb.Helper()
	var names [2][]string
	for n, t := range p.sides {
		err := t.app.DB().NewQuery(`SELECT name FROM sqlite_master WHERE type = 'table' AND name NOT GLOB 'sqlite_*' AND name NOT GLOB '_changes*'
			AND name NOT IN ('_collections', '_migrations', '_params') ORDER BY name`).Column(&names[n])
		if err != nil {
			tb.Fatal(err)
		}
	}
	if !slices.Equal(names[0], names[1]) {
		return []string{fmt.Sprintf("the tables are %v, want %v", names[1], names[0])}
	}
	for _, table := range names[0] {
		problems = append(problems, p.compareRows(table, "", "", "")...)
	}
	return problems
}

// compareFiles compares the names of all files that are stored. PocketBase deletes in
// the background.
func (p *twins) compareFiles(tb testing.TB) {
	tb.Helper()
	pbtest.Eventually(tb, time.Minute, func() error {
		var names [2][]string
		for n, t := range p.sides {
			root := filepath.Join(t.app.DataDir(), core.LocalStorageDirName)
			_ = filepath.WalkDir(root, func(path string, entry fs.DirEntry, err error) error {
				if err == nil && !entry.IsDir() {
					path, _ = filepath.Rel(root, path)
					names[n] = append(names[n], path)
				}
				return nil
			})
		}
		for i, name := range names[0] {
			var parts []string
			for _, part := range strings.Split(name, string(os.PathSeparator)) {
				ending := strings.HasSuffix(part, ".attrs")
				if of, known := p.same.theirs[strings.TrimSuffix(part, ".attrs")]; known {
					if part = of; ending {
						part += ".attrs"
					}
				}
				parts = append(parts, part)
			}
			names[0][i] = filepath.Join(parts...)
		}
		slices.Sort(names[0])
		slices.Sort(names[1])
		if !slices.Equal(names[0], names[1]) {
			return fmt.Errorf("stored are %v, want %v", names[1], names[0])
		}
		return nil
	})
}

// ears are clients of realtime.
type ears struct {
	mu       sync.Mutex
	messages []string
	clients  []subscriptions.Client
}

// listen subscribes a guest, a user and a superuser to everything.
func (e *ears) listen(app core.App) error {
	for _, who := range [][2]string{{}, {"users", "users0000000000"}, {core.CollectionNameSuperusers, superuserID}} {
		client := &ear{DefaultClient: subscriptions.NewDefaultClient(), gone: make(chan struct{})}
		if who[0] != "" {
			record, err := app.FindRecordById(who[0], who[1])
			if err != nil {
				continue // who is gone listens no more
			}
			client.Set(apis.RealtimeClientAuthKey, record)
		}
		for _, name := range writeCollections {
			client.Subscribe(name + "/*")
		}
		client.Subscribe(`hot/*?options={"query":{"expand":"owner,tags","fields":"id,title,expand.owner.id"}}`)
		app.SubscriptionsBroker().Register(client)
		e.clients = append(e.clients, client)
		go func() {
			for {
				select {
				case message := <-client.Channel():
					e.mu.Lock()
					e.messages = append(e.messages, who[0]+" "+message.Name+"\n"+string(message.Data))
					e.mu.Unlock()
				case <-client.gone:
					return
				}
			}
		}()
	}
	return nil
}

// ear is a client. PocketBase's own one closes the channel that somebody may be sending to.
type ear struct {
	*subscriptions.DefaultClient
	gone chan struct{}
}

// Send implements [subscriptions.Client].
func (c *ear) Send(m subscriptions.Message) {
	select {
	case c.Channel() <- m:
	case <-c.gone:
	}
}

// Discard implements [subscriptions.Client].
func (c *ear) Discard() { close(c.gone) }

// listen has clients listen to both.
func (p *twins) listen(tb testing.TB) {
	tb.Helper()
	for n, side := range p.sides {
		if p.deaf && n == 1 {
			continue
		}
		if err := side.heard.listen(side.app); err != nil {
			tb.Fatal(err)
		}
	}
}

// leave compares what the clients were told, and ends them.
func (p *twins) leave() (left []string) {
	left = p.compareHeard()
	for _, side := range p.sides {
		side.heard.leave(side.app)
	}
	return left
}

// leave ends all subscriptions.
func (e *ears) leave(app core.App) {
	for _, client := range e.clients {
		app.SubscriptionsBroker().Unregister(client.Id())
	}
	e.clients = nil
}

// match takes off what both apps have told, in any order. What is left may come yet.
func (p *twins) match() (left []string) {
	ours, theirs := &p.sides[0].heard, &p.sides[1].heard
	p.same.loose = true
	defer func() { p.same.loose = false }()
	for _, e := range []*ears{ours, theirs} {
		e.mu.Lock()
		defer e.mu.Unlock()
	}
	ours.messages = slices.DeleteFunc(ours.messages, func(message string) bool {
		topic, data, _ := strings.Cut(message, "\n")
		at := slices.IndexFunc(theirs.messages, func(other string) bool {
			of, body, _ := strings.Cut(other, "\n")
			return of == topic && p.same.like(data, body)
		})
		if at >= 0 {
			theirs.messages = slices.Delete(theirs.messages, at, at+1)
		}
		return at >= 0
	})
	for _, message := range ours.messages {
		left = append(left, "nobody was told "+message)
	}
	for _, message := range theirs.messages {
		left = append(left, "somebody was told "+message)
	}
	return left
}

// compareHeard waits until nothing is left, or until something is if one app is deaf.
func (p *twins) compareHeard() (left []string) {
	for end := time.Now().Add(p.patience); ; <-time.After(time.Millisecond) {
		if left = p.match(); (len(left) == 0) != p.deaf || time.Now().After(end) {
			return left
		}
	}
}
