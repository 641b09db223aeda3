package openapi

import (
	"github.com/pocketbase/pocketbase/core"
	"github.com/pocketbase/pocketbase/tools/router"
)

func bindPage(_ *router.Router[*core.RequestEvent]) {}
