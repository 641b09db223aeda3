package push

import (
	"context"
	"encoding/json"
	"fmt"
	"log/slog"
	"time"

	"github.com/pocketbase/dbx"
	"github.com/pocketbase/pocketbase/core"
)

// pageSize is how many devices of a message become deliveries in one transaction,
// so that others can write in between.
const pageSize = 500

// expandOnce is how many messages take turns.
const expandOnce = 50

// expand makes deliveries of each due message for one page of devices, and tells
// whether there is more to do. A message that cannot be read now is left for later,
// and does not stop the others.
func (p *Plugin) expand(ctx context.Context) (more bool, err error) {
	now := p.now()
	due, err := dueMessages(ctx, p.app, now, expandOnce)
	if err != nil {
		return false, err
	}
	for _, m := range due {
		if err := p.expandPage(ctx, m, now); err != nil {
			p.logError(ctx, "A push message cannot be sent at the moment.", fmt.Errorf("push: message %s: %w", m.ID, err))
			continue
		}
		more = true
	}
	return more, nil
}

// expandPage makes deliveries of a message for the next devices, in one
// transaction with the position that it has come to.
func (p *Plugin) expandPage(ctx context.Context, m message, now time.Time) error {
	if m.At+m.TTL <= now.UnixMilli() {
		return endMessage(p.app, m, messageExpired, "its time was over before it could be sent")
	}
	var to Recipients
	var content Message
	if err := json.Unmarshal([]byte(m.Recipients), &to); err != nil {
		return endMessage(p.app, m, messageFailed, "the recipients cannot be read")
	}
	if err := json.Unmarshal([]byte(m.Content), &content); err != nil {
		return endMessage(p.app, m, messageFailed, "the message cannot be read")
	}
	condition, params, err := to.condition(p.app)
	if err != nil {
		p.app.Logger().Error("A push message was given up: its recipients cannot be found any more.", slog.String("message", m.ID), slog.Any("error", err))
		return endMessage(p.app, m, messageFailed, err.Error())
	}
	params["cursor"], params["limit"] = m.Cursor, pageSize
	ids := []string{}
	err = p.app.ConcurrentDB().NewQuery("SELECT d.id FROM {{" + Collection + "}} d WHERE d.id > {:cursor} AND " + condition + " ORDER BY d.id LIMIT {:limit}").
		WithContext(ctx).Bind(params).Column(&ids)
	if err != nil {
		return fmt.Errorf("find devices: %w", err)
	}
	return p.app.RunInTransaction(func(tx core.App) error {
		state, cursor := messagePending, m.Cursor
		if len(ids) < pageSize {
			state = messageExpanded
		}
		if len(ids) > 0 {
			cursor = ids[len(ids)-1]
		}
		// fails to find it if it was cancelled, or another process was here
		result, err := tx.DB().NewQuery(`UPDATE _pushMessages SET state = {:state}, cursor = {:next}
			WHERE id = {:id} AND state = 'pending' AND cursor = {:cursor}`).
			Bind(dbx.Params{"id": m.ID, "state": state, "next": cursor, "cursor": m.Cursor}).Execute()
		if err != nil {
			return fmt.Errorf("save the position: %w", err)
		}
		if n, err := result.RowsAffected(); err != nil || n == 0 {
			return err
		}
		return insertDeliveries(tx, m, content, ids, now)
	})
}

// insertDeliveries makes the deliveries of a page. The badge of a device is counted
// up here, so that a delivery which is tried again does not count twice.
func insertDeliveries(tx core.App, m message, content Message, ids []string, now time.Time) error {
	params := dbx.Params{
		"ids": list(ids), "message": m.ID, "high": m.High, "now": now.UnixMilli(), "expires": m.At + m.TTL,
	}
	badge := "NULL"
	switch {
	case content.Badge != nil:
		params["badge"], badge = *content.Badge, "{:badge}"
	case content.BadgeAdd > 0:
		params["badge"], badge = content.BadgeAdd, fmt.Sprintf("MIN(COALESCE(d.badge, 0) + {:badge}, %d)", maxBadge)
	}
	_, err := tx.DB().NewQuery(`INSERT INTO _pushDeliveries (message, device, [[userCollection]], [[user]], service, high, state, created, nextAt, expires, badge)
		SELECT {:message}, d.id, d.[[userCollection]], d.[[user]], d.service, {:high}, 'pending', {:now}, {:now}, {:expires}, ` + badge + `
		FROM {{` + Collection + `}} d WHERE d.id IN (SELECT value FROM json_each({:ids})) ORDER BY d.id
		ON CONFLICT DO NOTHING`).Bind(params).Execute()
	if err != nil {
		return fmt.Errorf("store deliveries: %w", err)
	}
	if badge == "NULL" {
		return nil
	}
	_, err = tx.DB().NewQuery(`UPDATE {{` + Collection + `}} AS d SET badge = ` + badge + ` WHERE d.id IN (SELECT value FROM json_each({:ids}))`).
		Bind(dbx.Params{"ids": params["ids"], "badge": params["badge"]}).Execute()
	if err != nil {
		return fmt.Errorf("count badges: %w", err)
	}
	return nil
}

// endMessage ends a message that has not become all its deliveries.
func endMessage(app core.App, m message, state, reason string) error {
	_, err := app.NonconcurrentDB().NewQuery(`UPDATE _pushMessages SET state = {:state}, error = {:error} WHERE id = {:id} AND state = 'pending'`).
		Bind(dbx.Params{"id": m.ID, "state": state, "error": cut(reason)}).Execute()
	if err != nil {
		return fmt.Errorf("end the message: %w", err)
	}
	return nil
}
