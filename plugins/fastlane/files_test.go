package fastlane_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"image"
	"image/png"
	"io"
	"math/rand/v2"
	"net/http"
	"net/http/httptest"
	"net/url"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/pocketbase/dbx"
	"github.com/pocketbase/pocketbase/core"
	"github.com/pocketbase/pocketbase/tools/filesystem"
	"github.com/pocketbase/pocketbase/tools/hook"

	"github.com/holdall-go/holdall/internal/pbtest"
	"github.com/holdall-go/holdall/plugins/fastlane"
)

// cabinet is a world of files behind a real server.
type cabinet struct {
	*world
	url     string
	folder  string // of the record that has them
	record  string
	names   []string
	changed time.Time // when the files were, to the second
}

// contents are what files of some names begin with, as PocketBase looks into them.
func contents(tb testing.TB) map[string][]byte {
	tb.Helper()
	var picture bytes.Buffer
	if err := png.Encode(&picture, image.NewRGBA(image.Rect(0, 0, 120, 110))); err != nil {
		tb.Fatal(err)
	}
	return map[string][]byte{
		"picture.png": picture.Bytes(), "text.txt": []byte(strings.Repeat("Some text. ", 9000)), "drawing.svg": []byte(`<svg xmlns="http://www.w3.org/2000/svg"/>`),
		"style.css": []byte("a{color:red}"), "code.js": []byte("alert(1)"), "code.mjs": []byte("alert(1)"), "page.html": []byte("<html><script>alert(1)</script>"),
		"paper.pdf": []byte("%PDF-1.4 something"), "letter.docx": []byte("PK\x03\x04 nothing"), "data.json": []byte(`{"a":1}`),
		"odd": []byte("no extension"), "big.bin": bytes.Repeat([]byte{0, 1, 2, 3}, 40_000),
	}
}

func newCabinet(t *testing.T) *cabinet {
	t.Helper()
	c := &cabinet{changed: time.Date(2024, 5, 6, 7, 8, 9, 0, time.UTC)}
	c.world = newWorld(t, func(app core.App) error { return c.fill(t, app) }, fastlane.Config{})
	author, err := c.app.FindRecordById("users", "author000000000")
	if err != nil {
		t.Fatal(err)
	}
	c.tokens = []string{pbtest.Token(t, author), pbtest.Superuser(t, c.app), "garbage"}
	server := httptest.NewServer(http.HandlerFunc(func(rw http.ResponseWriter, r *http.Request) {
		const stock = "X-Stock"
		if r.Header.Get(stock) != "" {
			r.Header.Del(stock)
			r = r.WithContext(context.WithValue(r.Context(), stockOnly{}, true))
		}
		c.handler.ServeHTTP(rw, r)
	}))
	t.Cleanup(server.Close)
	c.url = server.URL
	return c
}

func (c *cabinet) fill(t *testing.T, app core.App) error {
	if err := manyPosts(app, 1); err != nil {
		return err
	}
	docs := core.NewBaseCollection("docs")
	docs.Fields.Add(&core.TextField{Name: "title"}, &core.GeoPointField{Name: "place"}, &core.FileField{Name: "first"}, &core.FileField{Name: "secret", MaxSelect: 3, Protected: true},
		&core.FileField{Name: "files", MaxSelect: 50, Thumbs: []string{"50x50"}})
	docs.ViewRule = text("@request.auth.id != ''")
	if err := app.Save(docs); err != nil {
		return err
	}
	record := core.NewRecord(docs)
	for name, content := range contents(t) {
		file, err := filesystem.NewFileFromBytes(content, name)
		if err != nil {
			return err
		}
		field := map[string]string{"text.txt": "first", "paper.pdf": "secret"}[name]
		if field == "" {
			field = "files+"
		}
		record.Set(field, file)
	}
	if err := app.Save(record); err != nil {
		return err
	}
	c.record, c.folder = record.Id, filepath.Join(app.DataDir(), "storage", docs.Id, record.Id)
	c.names = append(record.GetStringSlice("files"), record.GetString("first"), record.GetStringSlice("secret")[0])
	for _, name := range c.names {
		for _, file := range []string{name, name + ".attrs"} { // which are not of this moment
			if err := os.Chtimes(filepath.Join(c.folder, file), c.changed, c.changed); err != nil {
				return err
			}
		}
	}
	if err := c.makeOddFiles(app); err != nil {
		return err
	}
	return makeOddRows(app, docs)
}

// makeOddFiles makes what PocketBase never would: files without what it knows of
// them, links, folders, and names that lead elsewhere.
func (c *cabinet) makeOddFiles(app core.App) error {
	odd := []string{"bare.png", "broken.png", "forged.png", "link.txt", "dangling.txt", "folder.txt", "gone.txt", "x.attrs", "..", "../../../data.db"}
	file := func(name, content string) error {
		return os.WriteFile(filepath.Join(c.folder, name), []byte(content), 0o600)
	}
	outside := filepath.Join(app.DataDir(), "outside.txt")
	problems := []error{
		file("bare.png", "no sidecar"), file("broken.png", "x"), file("broken.png.attrs", "{"), file("forged.png", "<html>"), file("forged.png.attrs", `{"user.content_type":"text/html"}`),
		file("x.attrs", "{}"), os.WriteFile(outside, []byte("outside"), 0o600),
		os.Symlink(outside, filepath.Join(c.folder, "link.txt")), os.Symlink("nothing", filepath.Join(c.folder, "dangling.txt")), os.Mkdir(filepath.Join(c.folder, "folder.txt"), 0o700),
	}
	for _, err := range problems {
		if err != nil {
			return err
		}
	}
	record, err := app.FindRecordById("docs", c.record)
	if err != nil {
		return err
	}
	c.names = append(c.names, odd...)
	_, err = app.DB().Update("docs", dbx.Params{"files": `["` + strings.Join(append(record.GetStringSlice("files"), odd...), `","`) + `"]`}, dbx.HashExp{"id": c.record}).Execute()
	return err
}

// makeOddRows makes rows that PocketBase never would.
func makeOddRows(app core.App, docs *core.Collection) error {
	for n, row := range []dbx.Params{
		{"id": "list", "first": `["a.txt"]`},
		{"id": "nowhere", "first": "a.txt", "place": "{bad"},
		{"id": "nothing"},
		{"id": "twice", "first": "a.txt", "secret": `["a.txt"]`},
		{"id": "secret", "secret": `["a.txt"]`, "files": `["a.txt"]`},
		{"id": "..", "first": "a.txt"},
		{"id": "sp ace", "first": "a.txt"},
		{"id": "blob", "first": []byte("a.txt")},
		{"id": "spaced", "files": `["a.txt", "b.txt"]`},
		{"id": "number", "first": 5},
		{"id": "odds", "files": `["with space.txt", "ü.txt", "q\"uote.txt", "a/b.txt", "../list/a.txt"]`},
		{"id": "many", "files": `["` + strings.Join(strings.Split("abcdefghijklmnopqrstuvwxyz", ""), `","`) + `","a.txt"]`},
	} {
		if _, err := app.DB().Insert("docs", row).Execute(); err != nil {
			return fmt.Errorf("row %d: %w", n, err)
		}
		folder := filepath.Join(app.DataDir(), "storage", docs.Id, row["id"].(string))
		if err := os.MkdirAll(folder, 0o700); err != nil {
			return err
		}
		for _, name := range []string{"a.txt", "with space.txt", "ü.txt", `q"uote.txt`} {
			if err := os.WriteFile(filepath.Join(folder, name), []byte("the file of "+row["id"].(string)), 0o600); err != nil {
				return err
			}
		}
	}
	shown := core.NewViewCollection("shown")
	shown.ViewQuery = "SELECT id, first FROM docs"
	return app.Save(shown)
}

var boundary = regexp.MustCompile(`(boundary=|--)[0-9a-f]{60}`)

// fetch sends a request over the network.
func (c *cabinet) fetch(t *testing.T, stock bool, method, address string, header http.Header) answer {
	t.Helper()
	r, err := http.NewRequestWithContext(t.Context(), method, c.url+address, http.NoBody)
	if err != nil {
		t.Fatal(err)
	}
	r.Header = header.Clone()
	r.Header.Set("Accept-Encoding", "identity")
	if stock {
		r.Header.Set("X-Stock", "1")
	}
	response, err := http.DefaultTransport.RoundTrip(r)
	if err != nil {
		t.Fatalf("%s %s: %v", method, address, err)
	}
	defer response.Body.Close()
	body, err := io.ReadAll(response.Body)
	if err != nil {
		t.Fatalf("%s %s: %v", method, address, err)
	}
	response.Header.Del("Date")
	return answer{response.StatusCode, boundary.ReplaceAllString(fmt.Sprint(response.Header), "boundary"), boundary.ReplaceAllString(string(body), "boundary")}
}

// differ compares the answers to one request. Either side comes first, as PocketBase
// makes thumbs when they are asked for.
func (c *cabinet) differ(t *testing.T, random *rand.Rand, method, address string, header http.Header) string {
	t.Helper()
	first := random.IntN(2) == 0
	one := c.fetch(t, first, method, address, header)
	other := c.fetch(t, !first, method, address, header)
	if one == other {
		return ""
	}
	return fmt.Sprintf("%s %s\nwith %v\nPocketBase first: %v\n%d %s\n%.300s\n%d %s\n%.300s", method, address, header, first, one.status, one.header, one.body, other.status, other.header, other.body)
}

func (c *cabinet) randomFile(random *rand.Rand) string {
	collection := pickFrom(random, []string{"docs", "docs", "docs", "docs", "docs", "docs", "Docs", "posts", "shown", "nothing", "_superusers"})
	if random.IntN(5) > 0 {
		name := pickFrom(random, c.names)
		if random.IntN(15) == 0 {
			return "/api/files/" + collection + "/" + c.record + "/" + pickFrom(random, []string{"x", "picture.png.attrs", "PICTURE.PNG", "%00", "..%2f..%2f..%2fdata.db", "%2e%2e", "..", "./x", "x/", "%5c..%5c", "%ff"})
		}
		return "/api/files/" + collection + "/" + c.record + "/" + url.PathEscape(name)
	}
	id := pickFrom(random, []string{"list", "nowhere", "nothing", "twice", "secret", "..", "%2e%2e", "sp%20ace", "blob", "spaced", "number", "odds", "odds", "many", "unknown", strings.ToUpper(c.record), "%2e%2e%2f" + c.record})
	return "/api/files/" + collection + "/" + id + "/" + pickFrom(random, []string{"a.txt", "a.txt", "b.txt", "5", "null", "%5B%22a.txt%22%5D", "with%20space.txt", "%C3%BC.txt", "q%22uote.txt", "a%2fb.txt", "..%2flist%2fa.txt"})
}

func (c *cabinet) randomFileHeader(random *rand.Rand) http.Header {
	header := http.Header{}
	if random.IntN(3) == 0 {
		header.Set("Authorization", pickFrom(random, c.tokens))
	}
	date := func() string {
		return pickFrom(random, []string{c.changed.Format(http.TimeFormat), c.changed.Add(-time.Second).Format(http.TimeFormat), c.changed.Add(time.Second).Format(http.TimeFormat), "garbage"})
	}
	if random.IntN(3) == 0 {
		header.Set("Range", pickFrom(random, []string{"bytes=0-0", "bytes=3-", "bytes=-3", "bytes=0-1,3-4", "bytes=0-99999999", "bytes=99999999-", "bytes=4-2", "bytes=x", "lines=1-2", "bytes=0-0,-1", "bytes=70000-80000"}))
		if random.IntN(3) == 0 {
			header.Set("If-Range", pickFrom(random, []string{date(), `"tag"`}))
		}
	}
	for _, name := range []string{"If-Modified-Since", "If-Unmodified-Since"} {
		if random.IntN(6) == 0 {
			header.Set(name, date())
		}
	}
	for _, name := range []string{"If-Match", "If-None-Match"} {
		if random.IntN(10) == 0 {
			header.Set(name, pickFrom(random, []string{"*", `"tag"`, "garbage"}))
		}
	}
	return header
}

// TestSameFiles asks the lane and PocketBase for files, over the network, while
// fields, handlers, rows and files change.
func TestSameFiles(t *testing.T) {
	t.Parallel()
	random := rand.New(rand.NewPCG(*seed, 11))
	c := newCabinet(t)
	for n := range max(*requests/2, 300) {
		if n%25 == 24 {
			c.editFiles(t, random)
		}
		method := pickFrom(random, []string{"GET", "GET", "GET", "GET", "HEAD", "HEAD", "POST", "OPTIONS"})
		query := pickFrom(random, []string{"", "", "", "", "?download=1", "?download=0", "?download=x", "?thumb=100x100", "?thumb=50x50", "?thumb=7x7", "?token=x", "?thumb=50x50&download=1", "?a;b", "?%zz&thumb=50x50"})
		address := c.randomFile(random) + query
		if difference := c.differ(t, random, method, address, c.randomFileHeader(random)); difference != "" {
			t.Fatalf("seed %d, request %d: %s", *seed, n, difference)
		}
	}
	stats := c.plugin.Stats()
	t.Logf("%d served, handed on: %v", stats.Served, stats.HandedOn)
	if stats.Served < 60 {
		t.Errorf("only %d were served by the lane", stats.Served)
	}
}

// editFiles changes what answers depend on, and undoes it the next time.
func (c *cabinet) editFiles(t *testing.T, random *rand.Rand) {
	t.Helper()
	if c.bound != nil {
		c.bound()
		c.bound = nil
		return
	}
	must := func(err error) {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
	}
	edit := func(change func(files *core.FileField)) {
		docs, err := c.app.FindCollectionByNameOrId("docs")
		must(err)
		change(docs.Fields.GetByName("files").(*core.FileField))
		must(c.app.Save(docs))
	}
	moved := filepath.Join(c.folder, pickFrom(random, c.names[:5]))
	switch random.IntN(6) {
	case 0:
		edit(func(f *core.FileField) { f.Protected = true })
		c.bound = func() { edit(func(f *core.FileField) { f.Protected = false }) }
	case 1:
		edit(func(f *core.FileField) { f.Thumbs = []string{"7x7"} })
		c.bound = func() { edit(func(f *core.FileField) { f.Thumbs = []string{"50x50"} }) }
	case 2:
		c.app.OnFileDownloadRequest("posts", "docs").Bind(&hook.Handler[*core.FileDownloadRequestEvent]{Id: "ofTheTest", Func: func(e *core.FileDownloadRequestEvent) error {
			e.ServedName = "other-" + e.ServedName
			return e.Next()
		}})
		c.bound = func() { c.app.OnFileDownloadRequest().Unbind("ofTheTest") }
	case 3:
		must(os.Rename(moved, moved+".away"))
		c.bound = func() { must(os.Rename(moved+".away", moved)) }
	case 4:
		_, err := c.app.NonconcurrentDB().Update("docs", dbx.Params{"id": "elsewhere"}, dbx.HashExp{"id": c.record}).Execute()
		must(err)
		c.bound = func() {
			_, err := c.app.NonconcurrentDB().Update("docs", dbx.Params{"id": c.record}, dbx.HashExp{"id": "elsewhere"}).Execute()
			must(err)
		}
	case 5:
		original, err := os.ReadFile(moved)
		must(err)
		must(os.WriteFile(moved, []byte("another content"), 0o600))
		must(os.WriteFile(moved+".attrs", []byte(`{"user.content_type":"`+pickFrom(random, []string{"application/pdf", "image/png", "text/html"})+`"}`), 0o600))
		if random.IntN(2) == 0 { // otherwise it is of this moment
			past := c.changed.Add(time.Duration(random.IntN(1000)) * time.Hour)
			must(os.Chtimes(moved+".attrs", past, past))
		}
		c.bound = func() { must(os.WriteFile(moved, original, 0o600)) }
	}
}

// TestFiles names what is served, and what is left to PocketBase.
func TestFiles(t *testing.T) {
	t.Parallel()
	c := newCabinet(t)
	name := func(like string) string {
		for _, name := range c.names {
			if strings.HasPrefix(name, like) {
				return name
			}
		}
		t.Fatalf("there is no %s", like)
		return ""
	}
	in := "/api/files/docs/" + c.record + "/"
	for _, test := range []struct {
		address string
		reason  fastlane.Reason
		status  int
	}{
		{in + name("picture"), "", 200},
		{in + name("picture") + "?download=1", "", 200},
		{in + name("text") + "?thumb=100x100", "", 200},
		{in + name("link"), "", 200},
		{in + name("picture") + "?thumb=50x50", fastlane.ReasonThumb, 200},
		{in + name("picture") + "?thumb=50x50", "", 200},
		{in + name("picture") + "?thumb=51x51", "", 200},
		{in + "unknown.txt", "", 404},
		{"/api/files/docs/unknown/a.txt", "", 404},
		{in + "..%2f..%2f..%2fdata.db", fastlane.ReasonFileName, 404},
		{in + "x.attrs", fastlane.ReasonFileName, 404},
		{in + name("paper"), fastlane.ReasonProtected, 404},
		{in + "gone.txt", fastlane.ReasonFile, 404},
		{"/api/files/posts/post00000000000/a.txt", fastlane.ReasonNoFiles, 404},
	} {
		before := c.plugin.Stats()
		got := c.fetch(t, false, http.MethodGet, test.address, http.Header{})
		if got.status != test.status {
			t.Errorf("%s: status %d, want %d", test.address, got.status, test.status)
		}
		pbtest.Eventually(t, time.Minute, func() error { // the answer is there before it is counted
			after := c.plugin.Stats()
			if served := after.Served > before.Served; served != (test.reason == "") || !served && after.HandedOn[test.reason] == before.HandedOn[test.reason] {
				return fmt.Errorf("%s: served is %v, handed on %v", test.address, served, after.HandedOn)
			}
			return nil
		})
	}
	// what is noted about a file that has been served changes
	noted := filepath.Join(c.folder, name("text")+".attrs")
	if err := errors.Join(os.WriteFile(noted, []byte(`{"user.content_type":"image/png"}`), 0o600), os.Chtimes(noted, c.changed, c.changed)); err != nil {
		t.Fatal(err)
	}
	if got := c.fetch(t, false, http.MethodGet, in+name("text"), http.Header{}); !strings.Contains(got.header, "image/png") || !strings.Contains(got.header, "inline") {
		t.Errorf("after a change of its type a file has the headers %s", got.header)
	}
	for request, want := range map[string]fastlane.Reason{
		"GET " + in + name("picture"): "", "HEAD " + in + "gone.txt": "", "GET " + in + "a%2fb": fastlane.ReasonFileName, "GET /api/files/posts/x/a.txt": fastlane.ReasonNoFiles,
	} {
		if got, err := c.plugin.Explain(request, ""); err != nil || got.Reason != want || got.Served() != strings.HasPrefix(got.Query, "SELECT") {
			t.Errorf("%s: got %+v, %v, want %q", request, got, err, want)
		}
	}
	settings := c.app.Settings()
	settings.S3.Enabled, settings.S3.Endpoint, settings.S3.Bucket, settings.S3.Region = true, "http://127.0.0.1:1", "none", "none"
	if got := c.fetch(t, false, http.MethodGet, in+name("picture"), http.Header{}); got.status == http.StatusOK || c.plugin.Stats().HandedOn[fastlane.ReasonStorage] != 1 {
		t.Errorf("with S3: status %d", got.status)
	}
}

// BenchmarkFiles compares the processor's time of the lane and of PocketBase.
func BenchmarkFiles(b *testing.B) {
	w := newWorld(b, func(app core.App) error { return manyPosts(app, 100) }, fastlane.Config{})
	docs := core.NewBaseCollection("docs")
	docs.Fields.Add(&core.TextField{Name: "title"}, &core.TextField{Name: "body"}, &core.NumberField{Name: "n"}, &core.BoolField{Name: "ok"}, &core.JSONField{Name: "data"},
		&core.FileField{Name: "file"}, &core.FileField{Name: "files", MaxSelect: 9}, &core.AutodateField{Name: "created", OnCreate: true})
	if err := w.app.Save(docs); err != nil {
		b.Fatal(err)
	}
	author, err := w.app.FindRecordById("users", "author000000000")
	if err != nil {
		b.Fatal(err)
	}
	caller := http.Header{"Authorization": {pbtest.Token(b, author)}}
	for _, size := range []int{1000, 100_000, 2_000_000} {
		file, err := filesystem.NewFileFromBytes(bytes.Repeat([]byte("a"), size), "some.txt")
		if err != nil {
			b.Fatal(err)
		}
		record := core.NewRecord(docs)
		record.Load(map[string]any{"title": "a", "body": "some text of the document", "data": `{"a":1}`, "file": file})
		if err := w.app.Save(record); err != nil {
			b.Fatal(err)
		}
		past := time.Now().Add(-time.Hour)
		if err := os.Chtimes(filepath.Join(w.app.DataDir(), "storage", record.BaseFilesPath(), record.GetString("file")+".attrs"), past, past); err != nil {
			b.Fatal(err)
		}
		address := "/api/files/docs/" + record.Id + "/" + record.GetString("file")
		b.Run(fmt.Sprintf("network/%d", size), func(b *testing.B) { w.competeOverNetwork(b, address) })
		b.Run(fmt.Sprintf("guest/%d", size), func(b *testing.B) { w.compete(b, http.MethodGet, address, nil) })
		b.Run(fmt.Sprintf("signed in/%d", size), func(b *testing.B) { w.compete(b, http.MethodGet, address, caller) })
	}
}

// competeOverNetwork reports what a request costs together with its client, which only
// reads.
func (w *world) competeOverNetwork(b *testing.B, address string) {
	stock := httptest.NewServer(http.HandlerFunc(func(rw http.ResponseWriter, r *http.Request) {
		w.handler.ServeHTTP(rw, r.WithContext(context.WithValue(r.Context(), stockOnly{}, true)))
	}))
	defer stock.Close()
	lane := httptest.NewServer(w.handler)
	defer lane.Close()
	turn := func(url string) time.Duration {
		started := cpu()
		for range 20 {
			response, err := http.Get(url + address)
			if err != nil {
				b.Fatal(err)
			}
			if _, err := io.Copy(io.Discard, response.Body); err != nil || response.StatusCode != http.StatusOK {
				b.Fatal(response.StatusCode, err)
			}
			_ = response.Body.Close()
		}
		return cpu() - started
	}
	turn(stock.URL)
	turn(lane.URL)
	var used [2]time.Duration
	n := 0
	for b.Loop() {
		used[0] += turn(lane.URL)
		used[1] += turn(stock.URL)
		n += 20
	}
	b.ReportMetric(float64(used[0].Microseconds())/float64(n), "lane-cpu-us/op")
	b.ReportMetric(float64(used[1].Microseconds())/float64(n), "stock-cpu-us/op")
	b.ReportMetric(float64(used[1])/float64(used[0]), "ratio")
}
