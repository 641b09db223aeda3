package fastlane

import (
	"database/sql"
	"errors"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/golang-jwt/jwt/v5"
	"github.com/pocketbase/dbx"
	"github.com/pocketbase/pocketbase/core"
	"github.com/pocketbase/pocketbase/tools/security"

	"github.com/holdall-go/holdall/internal/sqlite"
)

// callers are those whose tokens PocketBase has found to be valid, with the row that
// it read for it. A token is as valid as it was for as long as its row and its
// collection are the same, which is looked at with each request: whoever changes the
// row, in this process or another, by PocketBase or by SQL, revokes the token at once.
type callers struct {
	limit int

	mu      sync.RWMutex
	byToken map[string]*known
}

// known is a valid token.
type known struct {
	collection *core.Collection // with the secret
	record     *core.Record     // never handed out itself
	row        []sqlite.Value
	expires    time.Time // zero for never
	// refreshable says that the token may be renewed.
	refreshable bool
	statement   *statement
	// unchanged is when the row was the same the last time.
	unchanged atomic.Pointer[moment]
}

// moment is a state of a database.
type moment struct {
	db    *sql.DB
	state sqlite.State
}

// momentOf is the moment that it is. Its state is not known of all databases.
func momentOf(db *sql.DB) moment { return moment{db, sqlite.StateOfDB(db)} }

// load is the middleware before PocketBase's own, which has nothing left to do for
// tokens that are known.
func (p *Plugin) load(e *core.RequestEvent) error {
	if _, known := routes[e.Request.Pattern]; !known || e.Auth != nil || p.bypass != nil && p.bypass(e.Request) {
		return e.Next()
	}
	if token := tokenOf(e); token != "" && !e.App.IsTransactional() {
		e.Auth = p.caller(e.App, token)
	}
	return e.Next()
}

// tokenOf is the token as PocketBase reads it.
func tokenOf(e *core.RequestEvent) string {
	const scheme = "Bearer "
	token := e.Request.Header.Get("Authorization")
	if len(token) > len(scheme) && strings.EqualFold(token[:len(scheme)], scheme) {
		return token[len(scheme):]
	}
	return token
}

// caller returns a record of its own for whom a token signs in, nil if that is for
// PocketBase to find out.
func (p *Plugin) caller(app core.App, token string) *core.Record {
	s := p.current(app)
	db, ok := app.ConcurrentDB().(*dbx.DB)
	if s == nil || !ok {
		return nil
	}
	k := p.callers.find(token)
	if k != nil && k.holds(s, db.DB(), &p.writer.lineage) {
		return k.own()
	}
	if k = p.meet(app, db, s, token); k == nil {
		p.callers.forget(token)
		return nil
	}
	p.callers.keep(token, k)
	return k.own()
}

// holds tells whether nothing has happened to the token since it was checked. written
// are states that are as good as each other for that.
func (k *known) holds(s *schema, db *sql.DB, written *lineage) bool {
	if !k.expires.IsZero() && !time.Now().Before(k.expires) || s.find(k.collection.Id) != k.collection {
		return false
	}
	since, read := k.unchanged.Load(), moment{}
	if since == nil || since.db != db {
		since = &read
	}
	same := true
	now, ok := k.readUnless(func(now sqlite.State) bool { return now == since.state || written.has(since.state, now) },
		db, func(row []sqlite.Value) { same = slices.Equal(row, k.row) })
	if !ok || !same {
		return false
	}
	if now != since.state {
		k.unchanged.Store(&moment{db, now})
	}
	return true
}

// meet has PocketBase check a token. The row that it reads for that is read before
// and after: only if it did not change meanwhile is it the one that was checked.
func (p *Plugin) meet(app core.App, db *dbx.DB, s *schema, token string) *known {
	claims, err := security.ParseUnverifiedJWT(token)
	if err != nil {
		return nil
	}
	id, _ := claims[core.TokenClaimId].(string)
	collectionID, _ := claims[core.TokenClaimCollectionId].(string)
	k := &known{collection: s.find(collectionID), refreshable: isRefreshable(claims)}
	if id == "" || k.collection == nil || !simpleClaims(claims) {
		return nil
	}
	if expires, err := claims.GetExpirationTime(); err != nil {
		return nil
	} else if expires != nil {
		k.expires = expires.Time
	}
	query := app.RecordQuery(k.collection).AndWhere(dbx.HashExp{k.collection.Name + ".id": id}).Limit(1).Build()
	if k.statement, err = newStatement(db, query, newMarks()); err != nil {
		return nil
	}
	before, ok := k.read(db.DB())
	if !ok {
		return nil
	}
	if k.record, err = app.FindAuthRecordByToken(token, core.TokenTypeAuth); err != nil || k.record.Collection() != k.collection {
		return nil
	}
	k.row, ok = k.read(db.DB())
	if !ok || !slices.Equal(before, k.row) {
		return nil
	}
	return k
}

// simpleClaims tells whether nothing but its end makes a token invalid with time.
func simpleClaims(claims jwt.MapClaims) bool {
	for name := range claims {
		if name == "nbf" || name == "iat" {
			return false
		}
	}
	return true
}

// read reads the caller's row.
func (k *known) read(db *sql.DB) (row []sqlite.Value, ok bool) {
	_, ok = k.readUnless(func(sqlite.State) bool { return false }, db, func(read []sqlite.Value) {
		row = slices.Clone(read)
		for i := range row {
			row[i].Text = strings.Clone(row[i].Text)
		}
	})
	return row, ok
}

// readUnless reads the caller's row unless it is the same in the state of the database.
// It fails if there is none, or one with bytes: only texts and numbers can be compared.
func (k *known) readUnless(same func(now sqlite.State) bool, db *sql.DB, use func(row []sqlite.Value)) (now sqlite.State, ok bool) {
	q := sqlite.Query{Text: k.statement.text}
	q.Arguments, _ = k.statement.with(nil, nil)
	found, unread := false, false
	unless := func(now sqlite.State) bool {
		unread = same(now)
		return unread
	}
	now, err := sqlite.RowsUnless(unless, db, q, func(_ []string, row []sqlite.Value) error {
		if slices.ContainsFunc(row, func(v sqlite.Value) bool { return v.Type == sqlite.Blob }) {
			return errors.New("fastlane: an account with bytes")
		}
		found = true
		use(row)
		return nil
	})
	return now, err == nil && (found || unread)
}

// find returns who has been signed in by a token, as of then.
func (c *callers) find(token string) *known {
	c.mu.RLock()
	defer c.mu.RUnlock()
	return c.byToken[token]
}

func (c *callers) keep(token string, k *known) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.byToken == nil {
		c.byToken = map[string]*known{}
	}
	for other := range c.byToken {
		if len(c.byToken) < c.limit {
			break
		}
		delete(c.byToken, other)
	}
	c.byToken[token] = k
}

func (c *callers) forget(token string) {
	c.mu.Lock()
	defer c.mu.Unlock()
	delete(c.byToken, token)
}
