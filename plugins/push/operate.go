package push

import (
	"context"
	"errors"
	"fmt"

	"github.com/pocketbase/dbx"
	"github.com/pocketbase/pocketbase/core"
)

// Cancel stops what has not been sent of a message. It returns how many deliveries
// that were, of those that there are already.
func (p *Plugin) Cancel(ctx context.Context, id string) (int64, error) {
	if _, err := findMessage(ctx, p.app, id); err != nil {
		return 0, err
	}
	stopped := int64(0)
	err := p.app.RunInTransaction(func(tx core.App) error {
		params := dbx.Params{"id": id, "now": p.now().UnixMilli()}
		_, err := tx.DB().NewQuery(`UPDATE _pushMessages SET state = 'cancelled' WHERE id = {:id} AND state IN ('pending', 'expanded')
			AND (state = 'pending' OR EXISTS (SELECT 1 FROM _pushDeliveries WHERE message = {:id} AND state = 'pending'))`).
			WithContext(ctx).Bind(params).Execute()
		if err != nil {
			return err
		}
		result, err := tx.DB().NewQuery(`UPDATE _pushDeliveries SET state = 'cancelled', finished = {:now} WHERE message = {:id} AND state = 'pending'`).
			WithContext(ctx).Bind(params).Execute()
		if err != nil {
			return err
		}
		stopped, err = result.RowsAffected()
		return err
	})
	if err != nil {
		return 0, fmt.Errorf("push: cancel a message: %w", err)
	}
	return stopped, nil
}

// errNoService is what nobody can be asked about.
var errNoService = errors.New("push: there is no such service")

// Resume ends the pause of a service, by its name in [ServiceState]. One
// notification finds out whether it accepts our credentials now.
func (p *Plugin) Resume(ctx context.Context, service string) error {
	if !p.sends(providerOf(service)) {
		return errNoService
	}
	if err := p.tryAgain(ctx, service); err != nil {
		return fmt.Errorf("push: resume a service: %w", err)
	}
	return nil
}
