package main

import (
	"net/http"

	"github.com/pocketbase/pocketbase/core"
)

// maxTags bounds the answer of [getTags], which has no pages.
const maxTags = 1000

// getTags answers with the tags in use, those of most articles first: GET /tags.
func getTags(e *core.RequestEvent) error {
	tags, err := tagsInUse(e.App, maxTags)
	if err != nil {
		return err
	}
	return e.JSON(http.StatusOK, map[string][]string{"tags": tags})
}
