package realtime

import (
	"context"
	"database/sql"
	"errors"
	"fmt"

	"github.com/pocketbase/pocketbase/core"

	"github.com/holdall-go/holdall/plugins/changes"
)

// authChanged gives the clients of an auth record its new state, and signs those
// out whose token is no longer valid: they stay connected as guests.
func (h *hub) authChanged(record *core.Record) {
	if record == nil {
		return
	}
	h.mu.Lock()
	defer h.mu.Unlock()
	who := h.callers[callerKey{record.Collection().Id, record.Id}]
	if who == nil {
		return
	}
	record = record.Fresh() // whoever saved it may go on to change it
	who.record.Store(record)
	valid := map[*client]bool{}
	for c := range who.clients {
		held := c.auth()
		valid[c] = held != nil && held.TokenKey() == record.TokenKey()
	}
	for c, ok := range valid {
		if ok {
			c.setAuth(record)
		} else {
			c.signOut()
		}
	}
}

// authGone signs the clients of an auth record out.
func (h *hub) authGone(key callerKey) {
	h.mu.Lock()
	defer h.mu.Unlock()
	if who := h.callers[key]; who != nil {
		for c := range who.clients {
			c.signOut()
		}
	}
}

// signOut makes the client a guest's. The hub's lock is held.
func (c *client) signOut() {
	c.setAuth(nil)
	c.mu.Lock()
	defer c.mu.Unlock()
	c.authValue = nil
}

// refresh brings collections and identities up to what is committed, if some of
// them changed after a position in a way that no hook of this process saw.
func (p *Plugin) refresh(ctx context.Context, after int64) error {
	collections := p.hub.authCollections()
	schema, callers := false, map[callerKey]bool{}
	for upToDate := false; !upToDate; {
		page, err := p.log.ReadOf(ctx, after, pageSize, append(collections, changes.SchemaCollection)...)
		if err != nil {
			return err
		}
		for _, change := range page.Changes {
			if change.Collection == changes.SchemaCollection {
				schema = true
			} else {
				callers[callerKey{change.Collection, change.Record}] = true
			}
		}
		after, upToDate = page.Next, page.UpToDate
	}
	if schema {
		if err := p.refreshCollections(); err != nil {
			return err
		}
	}
	for key := range callers {
		if err := p.refreshCaller(key); err != nil {
			return err
		}
	}
	return nil
}

// authCollections are the ids of the collections that callers are from.
func (h *hub) authCollections() []string {
	h.mu.Lock()
	defer h.mu.Unlock()
	seen := map[string]bool{}
	var ids []string
	for key := range h.callers {
		if !seen[key.collection] {
			seen[key.collection] = true
			ids = append(ids, key.collection)
		}
	}
	return ids
}

// refreshCollections reads the collections anew, and what depends on them. The
// secret of a collection's tokens may be another, or the whole collection gone.
func (p *Plugin) refreshCollections() error {
	// A save of this process reloads them too, once it is committed. In a
	// transaction nobody commits between reading the list and storing it, so an
	// older list cannot take the place of a newer one.
	if err := p.app.RunInTransaction(core.App.ReloadCachedCollections); err != nil {
		return fmt.Errorf("reload collections: %w", err)
	}
	p.hub.mu.Lock()
	callers := make(map[callerKey]string, len(p.hub.callers))
	for key, who := range p.hub.callers {
		callers[key] = who.record.Load().Collection().AuthToken.Secret
	}
	p.hub.mu.Unlock()
	for key, secret := range callers {
		collection, err := p.app.FindCachedCollectionByNameOrId(key.collection)
		if err != nil || collection.AuthToken.Secret != secret {
			p.hub.authGone(key)
		} else if err := p.refreshCaller(key); err != nil {
			return err
		}
	}
	p.hub.keepSoon() // which may wait for other writers, as events should not
	return nil
}

// refreshCaller reads an auth record anew, if anybody listens on its behalf.
func (p *Plugin) refreshCaller(key callerKey) error {
	p.hub.identities.Lock()
	defer p.hub.identities.Unlock()
	p.hub.mu.Lock()
	listens := p.hub.callers[key] != nil
	p.hub.mu.Unlock()
	if !listens {
		return nil
	}
	record, err := p.app.FindRecordById(key.collection, key.id)
	switch {
	case errors.Is(err, sql.ErrNoRows):
		p.hub.authGone(key)
		return nil
	case err != nil:
		return fmt.Errorf("read the caller %s: %w", key.id, err)
	}
	p.hub.authChanged(record)
	return nil
}

// current reads the auth record of a request anew: the request may have begun
// before the record was changed. It returns nil, a guest, if the record is gone or
// its token no longer valid. p.hub.identities is held until the client has it.
func (p *Plugin) current(auth *core.Record) (*core.Record, error) {
	if auth == nil || auth.IsNew() {
		return auth, nil
	}
	record, err := p.app.FindRecordById(auth.Collection().Id, auth.Id)
	switch {
	case errors.Is(err, sql.ErrNoRows):
		return nil, nil //nolint:nilnil // a guest
	case err != nil:
		return nil, fmt.Errorf("read the caller %s: %w", auth.Id, err)
	case record.TokenKey() != auth.TokenKey() || record.Collection().AuthToken.Secret != auth.Collection().AuthToken.Secret:
		return nil, nil //nolint:nilnil // a guest
	}
	return record, nil
}
