package doctor_test

import (
	"context"

	"github.com/pocketbase/pocketbase"
	"github.com/pocketbase/pocketbase/core"

	"github.com/holdall-go/holdall/plugins/doctor"
)

func Example() {
	app := pocketbase.New()
	doctor.MustRegister(app, doctor.Config{
		RootCmd: app.RootCmd,
		Checks: []doctor.Check{{
			Code: "prices", Title: "Prices",
			Run: func(ctx context.Context, app core.App) ([]doctor.Finding, error) {
				n, err := app.CountRecords("prices")
				if err != nil || n > 0 {
					return nil, err
				}
				return []doctor.Finding{{
					Code: "prices.none", Severity: doctor.Warning, Where: "prices",
					Problem: "There are no prices, so nobody can order.", Remedy: "Import them with the command \"prices import\".",
				}}, nil
			},
		}},
	})
	// app.Start()
}
