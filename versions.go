package main

import (
	"time"

	"github.com/pocketbase/pocketbase/core"
	"github.com/spf13/cobra"

	"github.com/holdall-go/holdall/plugins/versions"
)

// apiVersions are the versions of the API that are served. There is one so far, which
// needs no name, and costs nothing.
//
// Before an app ships that cannot be updated, it gets a date here, without changes,
// which the app sends as Holdall-Version. Each change that would break that app gets
// a file of its own beside this one, which returns the version with its changes:
//
//	func version20270315() versions.Version {
//		return versions.Version{Date: "2027-03-15", Changes: []versions.Change{
//			versions.Rename(collections.WorkOrders, "title", collections.WorkOrderFieldSubject),
//		}}
//	}
//
// docs/versions.md tells the rest.
func apiVersions() []versions.Version {
	return nil
}

// registerVersions adds the versions, and the command that lists them.
func registerVersions(app core.App, root *cobra.Command, now func() time.Time) error {
	_, err := versions.Register(app, versions.Config{Versions: apiVersions(), RootCmd: root, Now: now})
	return err
}
