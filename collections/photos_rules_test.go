package collections_test

import (
	"net/http"
	"slices"
	"strings"
	"testing"

	"github.com/pocketbase/pocketbase/core"

	"github.com/holdall-go/holdall/internal/pbtest"
)

func TestPhotoRules(t *testing.T) {
	t.Parallel()
	photoRules().Run(t, world)
}

func photoRules() pbtest.Suite {
	return contributionRules("photos", somePhotos,
		map[string]any{"image": pbtest.File{Name: "gauge.png", Content: pixel}, "caption": "Gauge"},
		map[string]any{"caption": "Gauge, afterwards"})
}

// A protected file opens for those who may view its record, with a file token
// of theirs, and for nobody else.
func TestProtectedFiles(t *testing.T) {
	t.Parallel()

	office := slices.Clip([]string{viewer, double, dispatcher, owner, superuser})
	files := map[string][]string{ // who opens what
		"/api/files/photos/" + somePhotos.pump + "/picture.png":               append(office, technician),
		"/api/files/photos/" + somePhotos.pump + "/picture.png?thumb=160x160": append(office, technician),
		"/api/files/photos/" + somePhotos.draft + "/picture.png":              office,
		"/api/files/work_orders/" + pumpOrder + "/signature.png":              append(office, technician),
		"/api/files/work_orders/" + doneOrder + "/report.pdf":                 append(office, idle),
	}
	people := []string{guest, newcomer, stranger, former, viewer, technician, idle, double, dispatcher, owner, superuser}

	app := world.New(t)
	handler := pbtest.Handler(t, app)
	for path, readers := range files {
		for _, who := range people {
			want := http.StatusNotFound
			if slices.Contains(readers, who) {
				want = http.StatusOK
			}
			address, err := withFileToken(app, path, who)
			if err != nil {
				t.Fatal(err)
			}
			if got := pbtest.Do(t, handler, pbtest.Request{Path: address}).Status; got != want {
				t.Errorf("GET %s as %s: got %d, want %d", path, who, got, want)
			}
		}
	}
}

// The token that signs requests in does not open files: it would end up in the
// addresses of pictures.
func TestProtectedFilesNeedAFileToken(t *testing.T) {
	t.Parallel()
	app := world.New(t)
	handler := pbtest.Handler(t, app)
	record, err := app.FindRecordById("users", ownerID)
	if err != nil {
		t.Fatal(err)
	}
	token := pbtest.Token(t, record)
	path := "/api/files/photos/" + somePhotos.pump + "/picture.png"

	for name, request := range map[string]pbtest.Request{
		"header": {Path: path, Token: token},
		"query":  {Path: path + "?token=" + token},
	} {
		if got := pbtest.Do(t, handler, request).Status; got != http.StatusNotFound {
			t.Errorf("auth token in the %s: got %d, want 404", name, got)
		}
	}
}

// withFileToken adds the person's file token to the address.
func withFileToken(app core.App, path, who string) (string, error) {
	if who == guest {
		return path, nil
	}
	record, err := person(app, who)
	if err != nil {
		return "", err
	}
	token, err := record.NewFileToken()
	if err != nil {
		return "", err
	}
	if strings.Contains(path, "?") {
		return path + "&token=" + token, nil
	}
	return path + "?token=" + token, nil
}
