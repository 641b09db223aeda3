package collections_test

import (
	"fmt"
	"net/http"
	"testing"

	"github.com/pocketbase/pocketbase/core"

	"github.com/holdall-go/holdall/internal/pbtest"
)

func TestUserRules(t *testing.T) {
	t.Parallel()
	userRules().Run(t, world)
}

func userRules() pbtest.Suite {
	return pbtest.Suite{Matrices: userMatrices(), Cases: append(signUps(), accounts()...)}
}

const users = "/api/collections/users/records"

func userMatrices() []pbtest.Matrix {
	const (
		signUp = pbtest.Create // anybody
		self   = pbtest.Create | pbtest.View | pbtest.Update | pbtest.Delete
	)
	inAlpha := []string{ownerID, dispatcherID, technicianID, idleID, viewerID, doubleID}
	everybody := append([]string{formerID, strangerID, newcomerID}, inAlpha...)
	create := map[string]any{"email": "fresh@example.com", "name": "Fay Fresh", "password": "long enough", "passwordConfirm": "long enough"}
	update := map[string]any{"name": "Vera Veiled", "phone": "+43 1 234"}

	return []pbtest.Matrix{
		{
			Name:       "a member",
			Collection: "users",
			Record:     viewerID,
			Create:     create,
			Update:     update,
			Secrets:    secrets,
			Rows: []pbtest.Row{
				{As: guest, May: signUp},
				{As: robot, May: signUp},
				{As: newcomer, May: signUp},
				{As: stranger, Lists: []string{doubleID, strangerID}, May: signUp},
				{As: former, May: signUp},
				{As: double, Lists: append([]string{strangerID}, inAlpha...), May: signUp | pbtest.View},
				{As: technician, Lists: inAlpha, May: signUp | pbtest.View},
				{As: owner, Lists: inAlpha, May: signUp | pbtest.View},
				{As: viewer, Lists: inAlpha, May: self},
				{As: superuser, Lists: everybody, May: self},
			},
		},
		{
			Name:       "somebody without an organization",
			Collection: "users",
			Record:     newcomerID,
			Update:     update,
			Secrets:    []string{"Nora"},
			Rows: []pbtest.Row{
				{As: guest},
				{As: robot},
				{As: owner, Lists: inAlpha},
				{As: newcomer, May: pbtest.View | pbtest.Update | pbtest.Delete},
			},
		},
		{
			Name:       "somebody whose id another auth collection has too",
			Collection: "users",
			Record:     ownerID,
			Update:     update,
			Secrets:    secrets,
			Rows:       []pbtest.Row{{As: robot}},
		},
		{
			Name:       "somebody who has left",
			Collection: "users",
			Record:     formerID,
			Update:     update,
			Secrets:    []string{"Fred"},
			Rows: []pbtest.Row{
				{As: owner, Lists: inAlpha},
				{As: technician, Lists: inAlpha},
			},
		},
	}
}

// signUps: a new account is what anybody may make, so it must be worth nothing.
func signUps() []pbtest.Case {
	body := func(changes map[string]any) map[string]any {
		return with(map[string]any{"email": "fresh@example.com", "password": "long enough", "passwordConfirm": "long enough"}, changes)
	}
	signUp := func(name string, status int, changes map[string]any) pbtest.Case {
		return pbtest.Case{Name: name, As: guest, Method: http.MethodPost, Path: users, Status: status, Body: body(changes)}
	}
	unverified := signUp("a new account is not verified", http.StatusOK, nil)
	unverified.After = func(app core.App) error {
		record, err := app.FindAuthRecordByEmail("users", "fresh@example.com")
		if err != nil {
			return err
		}
		if record.Verified() {
			return fmt.Errorf("verified: got true, want false")
		}
		return nil
	}
	tokenKey := signUp("nobody chooses the key of their tokens", http.StatusOK,
		map[string]any{"tokenKey": "chosenchosenchosenchosenchosenchosen"})
	tokenKey.After = func(app core.App) error {
		record, err := app.FindAuthRecordByEmail("users", "fresh@example.com")
		if err != nil {
			return err
		}
		if got := record.TokenKey(); got == "chosenchosenchosenchosenchosenchosen" {
			return fmt.Errorf("tokenKey: got the chosen one")
		}
		return nil
	}
	return []pbtest.Case{
		unverified, tokenKey,
		signUp("nobody signs up verified", http.StatusBadRequest, map[string]any{"verified": true}),
		signUp("nobody signs up with another's address", http.StatusBadRequest, map[string]any{"email": viewerID + "@example.com"}),
		signUp("nobody signs up with another's id", http.StatusBadRequest, map[string]any{"id": viewerID}),
		signUp("nobody signs up without a password", http.StatusBadRequest, map[string]any{"password": "", "passwordConfirm": ""}),
		{
			Name: "an unverified user signs in", // and is a member of nothing until an invitation proves the address
			As:   guest, Method: http.MethodPost, Path: "/api/collections/users/auth-with-password",
			Body: map[string]any{"identity": newcomerID + "@example.com", "password": pbtest.Password},
		},
		{
			Name: "an unverified user lists no orders",
			As:   newcomer, Path: orders, IDs: []string{},
		},
	}
}

// accounts: what belongs to an account is changed by its holder, the sensitive
// parts only with the password or a mail.
func accounts() []pbtest.Case {
	own := func(name string, status int, body map[string]any) pbtest.Case {
		return pbtest.Case{Name: name, As: viewer, Method: http.MethodPatch, Path: users + "/" + viewerID, Status: status, Body: body}
	}
	return []pbtest.Case{
		own("nobody changes their address without a mail to it", http.StatusBadRequest, map[string]any{"email": "else@example.com"}),
		own("nobody verifies themself", http.StatusBadRequest, map[string]any{"verified": false}),
		own("nobody changes a password without the old one", http.StatusBadRequest,
			map[string]any{"password": "long enough", "passwordConfirm": "long enough"}),
		own("the old password lets one change it", http.StatusOK,
			map[string]any{"password": "long enough", "passwordConfirm": "long enough", "oldPassword": pbtest.Password}),
		{
			Name: "an owner does not reset a member's password",
			As:   owner, Method: http.MethodPatch, Path: users + "/" + viewerID, Status: http.StatusNotFound,
			Body: map[string]any{"password": "long enough", "passwordConfirm": "long enough"},
		},
		{Name: "one sees one's own address", As: viewer, Path: users + "/" + viewerID, Has: []string{viewerID + "@example.com"}},
		{Name: "colleagues do not see one's address", As: owner, Path: users, HasNot: []string{
			dispatcherID + "@example.com", technicianID + "@example.com", viewerID + "@example.com", doubleID + "@example.com",
		}},
		{Name: "nobody sees a former member", As: owner, Path: users + "/" + formerID, Status: http.StatusNotFound},
		{
			Name: "an account that others' records name as author stays",
			As:   technician, Method: http.MethodDelete, Path: users + "/" + technicianID, Status: http.StatusBadRequest,
		},
		{
			Name: "deleting an account takes its memberships along and leaves the orders",
			As:   idle, Method: http.MethodDelete, Path: users + "/" + idleID, Status: http.StatusNoContent,
			After: func(app core.App) error {
				if _, err := app.FindRecordById("memberships", idleInAlpha); err == nil {
					return fmt.Errorf("the membership is still there")
				}
				order, err := app.FindRecordById("work_orders", doneOrder)
				if err != nil {
					return err
				}
				if got := order.GetString("assignee"); got != "" {
					return fmt.Errorf("assignee: got %s, want none", got)
				}
				return nil
			},
		},
	}
}
