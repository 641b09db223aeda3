package main

import (
	"fmt"

	"github.com/pocketbase/pocketbase/core"
	"github.com/pocketbase/pocketbase/tools/hook"

	"github.com/holdall-go/holdall/examples/conduit/collections"
	"github.com/holdall-go/holdall/plugins/schema"
)

// register binds everything that is Conduit to the app.
func register(app core.App) {
	bind(app.OnServe(), "conduitSchema", prepareDatabase)
	registerFeatures(app)
}

// registerFeatures binds the hooks, which complete records whoever saves them,
// and the routes, to an app that has the collections.
func registerFeatures(app core.App) {
	bind(app.OnRecordCreate(collections.Articles), "conduitArticleCreateSlug", slugArticle)
	bind(app.OnRecordUpdate(collections.Articles), "conduitArticleUpdateSlug", slugArticle)
	bind(app.OnRecordCreate(collections.Comments), "conduitCommentNumber", numberComment)
	bind(app.OnRecordRequestVerificationRequest(collections.Users), "conduitNoVerification", refuseVerification)
	bind(app.OnRecordRequestEmailChangeRequest(collections.Users), "conduitNoEmailChange", refuseEmailChange)
	bind(app.OnServe(), "conduitRoutes", bindRoutes)
}

// bind adds the handler under an id, so that it can be found, replaced and removed.
func bind[T hook.Resolver](to interface{ Bind(*hook.Handler[T]) string }, id string, handle func(T) error) {
	to.Bind(&hook.Handler[T]{Id: id, Func: handle})
}

// prepareDatabase brings the database to the definitions before the server
// listens, as long as nothing is lost by that. An app in production would have
// migrations instead, see docs/schema.md.
func prepareDatabase(e *core.ServeEvent) error {
	plan, err := schema.Diff(e.App, collections.All())
	if err != nil {
		return fmt.Errorf("compare the database with the definitions: %w", err)
	}
	for _, risk := range plan.Risks() {
		if risk.Rows > 0 { // a new database has fields, in empty tables, that are not Conduit's
			return fmt.Errorf("bring the database to the definitions: %s: %d rows: %s", risk.Subject, risk.Rows, risk.Effect)
		}
	}
	if !plan.Empty() {
		if err := schema.Apply(e.App, collections.All()); err != nil {
			return err
		}
	}
	return e.Next()
}

// refuseVerification and refuseEmailChange close the routes of PocketBase's that
// would send mails though it has no way to sign in.
func refuseVerification(e *core.RecordRequestVerificationRequestEvent) error {
	return e.ForbiddenError("Addresses are not verified here.", nil)
}

func refuseEmailChange(e *core.RecordRequestEmailChangeRequestEvent) error {
	return e.ForbiddenError("Change the address by PUT /api/user.", nil)
}
