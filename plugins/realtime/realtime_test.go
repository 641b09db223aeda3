package realtime_test

import (
	"fmt"
	"slices"
	"testing"

	"github.com/pocketbase/dbx"

	"github.com/holdall-go/holdall/internal/pbtest"
	"github.com/holdall-go/holdall/plugins/changes"
	"github.com/holdall-go/holdall/plugins/realtime"
)

func TestRegisterTwice(t *testing.T) {
	t.Parallel()
	app := pbtest.New(t)
	log, err := changes.Register(app, changes.Config{})
	if err != nil {
		t.Fatal(err)
	}
	for i, want := range []bool{true, false} {
		if _, err := realtime.Register(app, realtime.Config{Log: log}); (err == nil) != want {
			t.Errorf("registration %d: got error %v", i, err)
		}
	}
}

func TestEveryEventInCommitOrder(t *testing.T) {
	t.Parallel()
	const subscribers, writes = 50, 500
	app, url := serve(t, realtime.Config{})
	updated := create(t, app, "posts", map[string]any{"title": "updated"})
	streams := make([]*stream, subscribers)
	for i := range streams {
		streams[i] = connect(t, url, "")
		streams[i].subscribe("", "posts/*")
	}
	var want []string
	for i := range writes {
		save(t, app, updated, map[string]any{"title": fmt.Sprint("update ", i)})
		_, err := app.DB().NewQuery("INSERT INTO posts (id, title) VALUES ({:id}, {:title})").
			Bind(dbx.Params{"id": fmt.Sprintf("post%011d", i), "title": fmt.Sprint("created ", i)}).Execute()
		if err != nil {
			t.Fatal(err)
		}
		want = append(want, fmt.Sprint("update update ", i), fmt.Sprint("create created ", i))
	}
	for i, s := range streams {
		s.record("create", fmt.Sprint("created ", writes-1))
		if got := s.events(); !slices.Equal(got, want) {
			t.Fatalf("subscriber %d got %d events, want %d in the order of the commits", i, len(got), len(want))
		}
	}
}
