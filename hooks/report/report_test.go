package report_test

import (
	"bytes"
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"hash/crc32"
	"image"
	"image/color"
	"image/jpeg"
	"image/png"
	"io"
	"os/exec"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/holdall-go/holdall/hooks/report"
)

// sample is a report with everything in it.
func sample(t *testing.T) report.Report {
	t.Helper()
	berlin, err := time.LoadLocation("Europe/Berlin")
	if err != nil {
		t.Fatal(err)
	}
	at := func(hour, minute int) time.Time { return time.Date(2026, 3, 2, hour, minute, 0, 0, time.UTC) }
	return report.Report{
		Organization: "Quillon Lift Care", Number: 12, Title: "Inspect the lift at Größe Straße",
		Description: "The door of the third floor closes late.\n\nKey at the porter's.",
		Site:        "Harbour Tower", Address: "1 Example Street\nPortmouth", Assignee: "Łucja Ängström", Location: berlin,
		ScheduledStart: at(9, 0), ScheduledEnd: at(11, 0), Started: at(9, 7), Completed: at(23, 30),
		Checklist: []report.Item{{Label: "Check the brake", Done: true}, {Label: "Grease the rails", Done: false}},
		Notes: []report.Note{
			{Author: "Łucja Ängström", At: at(9, 30), Body: "Γειά σου Κόσμε, привет мир: żółć, Ðÿ, Ő.\nSecond line."},
			{Author: "", At: at(10, 0), Body: "By nobody who is still here."},
		},
		Photos: []report.Photo{
			{Picture: picture("wide.jpg", photo(t, 1200, 675)), Caption: "The door", Author: "Łucja", At: at(9, 31)},
			{Picture: picture("tall.jpg", photo(t, 300, 650)), Caption: strings.Repeat("A long caption. ", 12)},
			{Picture: picture("broken.jpg", photo(t, 300, 200)[:900]), Caption: "Broken"},
		},
		Signature: signature(t),
	}
}

func picture(name string, content []byte) report.Picture {
	return report.Picture{Name: name, Open: func(context.Context) (io.ReadCloser, error) {
		return io.NopCloser(bytes.NewReader(content)), nil
	}}
}

func photo(t *testing.T, width, height int) []byte {
	t.Helper()
	img := image.NewRGBA(image.Rect(0, 0, width, height))
	for y := range height {
		for x := range width {
			img.Set(x, y, color.RGBA{uint8(x * 255 / width), uint8(y * 255 / height), 120, 255})
		}
	}
	var out bytes.Buffer
	if err := jpeg.Encode(&out, img, nil); err != nil {
		t.Fatal(err)
	}
	return out.Bytes()
}

func signature(t *testing.T) *report.Picture {
	t.Helper()
	img := image.NewNRGBA(image.Rect(0, 0, 600, 200)) // transparent, as the app sends it
	for x := 40; x < 560; x++ {
		for thick := range 4 {
			img.Set(x, 100+(x%80-40)*(x%160/80*2-1)+thick, color.Black)
		}
	}
	var out bytes.Buffer
	if err := png.Encode(&out, img); err != nil {
		t.Fatal(err)
	}
	p := picture("signature.png", out.Bytes())
	return &p
}

func write(t *testing.T, r report.Report) []byte {
	t.Helper()
	var out bytes.Buffer
	if err := report.Write(t.Context(), &out, r); err != nil {
		t.Fatal(err)
	}
	return out.Bytes()
}

// textOf is what a reader of PDF finds in the file, in the order of the page.
func textOf(t *testing.T, pdf []byte) string {
	t.Helper()
	command := exec.CommandContext(t.Context(), "pdftotext", "-layout", "-", "-")
	command.Stdin = bytes.NewReader(pdf)
	text, err := command.Output()
	if err != nil {
		t.Fatalf("pdftotext (make deps installs it): %v", err)
	}
	return string(text)
}

func TestReportSaysEverything(t *testing.T) {
	t.Parallel()
	text := textOf(t, write(t, sample(t)))
	for _, want := range []string{
		"Quillon Lift Care", "Work order 12", "Inspect the lift at Größe Straße",
		"closes late.", "Key at the porter's.", "Harbour Tower", "1 Example Street", "Portmouth", "Łucja Ängström",
		"Mon 2 Mar 2026, 10:00 – 12:00", "Mon 2 Mar 2026, 10:07", "Tue 3 Mar 2026, 00:30", "Europe/Berlin",
		"1 of 2 done", "done: Check the brake", "open: Grease the rails",
		"Γειά σου Κόσμε, привет мир: żółć, Ðÿ, Ő.", "Second line.", "By nobody",
		"The door", "A long caption.", "This photo cannot be read and was left out.",
		"Signed by the customer", "Page 1 of 2", "Page 2 of 2",
	} {
		if !strings.Contains(text, want) {
			t.Errorf("the report does not say %q", want)
		}
	}
	if strings.Contains(text, "does not have") {
		t.Error("the report says that a character is missing")
	}
	if t.Failed() {
		t.Log(text)
	}
}

func TestSameReportIsTheSameFile(t *testing.T) {
	t.Parallel()
	r := sample(t)
	first := write(t, r)
	if !bytes.Equal(first, write(t, r)) {
		t.Error("two files of one report differ")
	}
	r.Notes[0].Body += "!"
	if bytes.Equal(first, write(t, r)) {
		t.Error("files of two reports are the same")
	}
}

func TestFingerprint(t *testing.T) {
	t.Parallel()
	of := func(r report.Report) string {
		fingerprint, err := r.Fingerprint()
		if err != nil {
			t.Fatal(err)
		}
		return fingerprint
	}
	first := of(sample(t))
	if again := of(sample(t)); again != first {
		t.Errorf("the same report: got %s, then %s", first, again)
	}
	for name, change := range map[string]func(*report.Report){
		"zone":       func(r *report.Report) { r.Location = time.UTC },
		"checklist":  func(r *report.Report) { r.Checklist[1].Done = true },
		"photo":      func(r *report.Report) { r.Photos[0].Name = "other.jpg" },
		"more notes": func(r *report.Report) { r.MoreNotes = 1 },
		"signature":  func(r *report.Report) { r.Signature = nil },
	} {
		r := sample(t)
		change(&r)
		if of(r) == first {
			t.Errorf("another %s has the same fingerprint", name)
		}
	}
}

func TestReportOfLittle(t *testing.T) {
	t.Parallel()
	text := textOf(t, write(t, report.Report{}))
	for _, part := range []string{"Checklist", "Notes", "Photos", "Signature", "Scheduled", "Completed"} {
		if strings.Contains(text, part) {
			t.Errorf("a report of nothing has the part %s", part)
		}
	}
}

// Scripts that the font does not have, and whatever else people paste.
func TestReportOfOddText(t *testing.T) {
	t.Parallel()
	r := report.Report{
		Title: "日本語 \U0001F600 e\u0301te\u0301\u200b\x00\x1b[31m", Organization: "\xff\xfe", Address: strings.Repeat("x", 300),
		Notes:     []report.Note{{Body: "\t" + strings.Repeat("word ", 4000)}},
		Checklist: []report.Item{{Label: strings.Repeat("W", 200)}},
	}
	text := textOf(t, write(t, r))
	for _, want := range []string{"□□□ □ été[31m", "does not have"} {
		if !strings.Contains(text, want) {
			t.Errorf("got no %q in %.300q", want, text)
		}
	}
	if got := strings.Count(text, "word"); got != 4000 {
		t.Errorf("got %d words of a long note, want 4000", got)
	}
	if got := strings.Count(text, "x"); got < 300 {
		t.Errorf("got %d of the 300 letters of a long word", got)
	}
}

func TestPicturesThatAreLeftOut(t *testing.T) {
	t.Parallel()
	broken := errors.New("the storage does not answer")
	fails := func(err error) report.Picture {
		return report.Picture{Name: "x", Open: func(context.Context) (io.ReadCloser, error) { return nil, err }}
	}
	for name, p := range map[string]report.Picture{
		"gone":     fails(fmt.Errorf("read: %w", report.ErrNoPicture)),
		"text":     picture("x", []byte("no picture")),
		"too many": picture("x", bomb(t)),
		"slow":     picture("x", progressive(t, 51)),
		"empty":    picture("x", nil),
	} {
		text := textOf(t, write(t, report.Report{Photos: []report.Photo{{Picture: p}}, Signature: &p}))
		if !strings.Contains(text, "This photo cannot be read") || !strings.Contains(text, "signature cannot be read") {
			t.Errorf("%s: got %q", name, text)
		}
	}
	p := fails(broken)
	for name, r := range map[string]report.Report{
		"photo": {Photos: []report.Photo{{Picture: p}}}, "signature": {Signature: &p},
	} {
		if err := report.Write(t.Context(), io.Discard, r); !errors.Is(err, broken) {
			t.Errorf("%s: got %v, want the error of the storage, so that it is tried again", name, err)
		}
	}
}

// bomb is a small file that says it is a very large picture.
func bomb(t *testing.T) []byte {
	t.Helper()
	var out bytes.Buffer
	if err := png.Encode(&out, image.NewGray(image.Rect(0, 0, 1, 1))); err != nil {
		t.Fatal(err)
	}
	content := out.Bytes()
	header := content[12:29] // its kind and what it says
	binary.BigEndian.PutUint32(header[4:], 6000)
	binary.BigEndian.PutUint32(header[8:], 6000)
	binary.BigEndian.PutUint32(content[29:], crc32.ChecksumIEEE(header))
	if size, err := png.DecodeConfig(bytes.NewReader(content)); err != nil || size.Width != 6000 {
		t.Fatalf("the forged header: got %v, %v", size, err)
	}
	return content
}

// progressive is a JPEG file that goes over its picture so many times.
func progressive(t *testing.T, scans int) []byte {
	t.Helper()
	segment := func(marker byte, content ...byte) []byte {
		return append([]byte{0xff, marker, 0, byte(len(content) + 2)}, content...)
	}
	// a table of Huffman codes of which the shortest is for one value
	codes := func(table, value byte) []byte {
		return segment(0xc4, slices.Concat([]byte{table, 1}, make([]byte, 15), []byte{value})...)
	}
	file := slices.Concat([]byte{0xff, 0xd8},
		segment(0xdb, append([]byte{0}, bytes.Repeat([]byte{1}, 64)...)...),
		segment(0xc2, 8, 0, 8, 0, 8, 1, 1, 0x11, 0), codes(0x00, 0), codes(0x10, 0),
		segment(0xda, 1, 1, 0, 0, 0, 0), []byte{0x7f})
	for n := range scans - 1 {
		z := byte(1 + n%63)
		file = slices.Concat(file, segment(0xda, 1, 1, 0, z, z, 0), []byte{0x7f})
	}
	file = append(file, 0xff, 0xd9)
	if _, err := jpeg.Decode(bytes.NewReader(file)); err != nil {
		t.Fatalf("the file of %d scans: %v", scans, err)
	}
	// what comes after the end does not count, such as the film of a living picture
	return append(file, bytes.Repeat(segment(0xda), 100)...)
}

func TestProgressivePhotos(t *testing.T) {
	t.Parallel()
	text := textOf(t, write(t, report.Report{Photos: []report.Photo{{Picture: picture("x", progressive(t, 50))}}}))
	if strings.Contains(text, "cannot be read") {
		t.Error("a progressive photo was left out")
	}
}

// Text that the library for PDF could take for something else.
func TestReportOfTextLikeItsOwn(t *testing.T) {
	t.Parallel()
	const want = `{pages} {nb} pages (a) \\ \( %PDF Ąā`
	text := textOf(t, write(t, report.Report{Description: "\x01pages " + want}))
	if !strings.Contains(text, want) || !strings.Contains(text, "Page 1 of 1") {
		t.Errorf("got %q, want %q in it", text, want)
	}
}

// A picture that was taken with the camera on its side stands upright.
func TestPhotosStandUpright(t *testing.T) {
	t.Parallel()
	plain := photo(t, 400, 200)
	for orientation := range 10 { // 0 and 9 do not exist
		for name, order := range map[string]binary.AppendByteOrder{"II*\x00": binary.LittleEndian, "MM\x00*": binary.BigEndian} {
			exif := order.AppendUint32([]byte("Exif\x00\x00"+name), 8)
			exif = order.AppendUint16(exif, 1)
			for _, short := range []uint16{0x0112, 3, 0, 1, uint16(orientation), 0} {
				exif = order.AppendUint16(exif, short)
			}
			segment := binary.BigEndian.AppendUint16([]byte{0xff, 0xd8, 0xff, 0xe1}, uint16(len(exif)+2))
			content := slices.Concat(segment, exif, plain[2:])
			pdf := write(t, report.Report{Photos: []report.Photo{{Picture: picture("x", content)}}})
			tall := bytes.Contains(pdf, []byte("/Width 200\n/Height 400"))
			if want := orientation >= 5 && orientation <= 8; tall != want {
				t.Errorf("orientation %d of %q: got a tall picture: %v, want %v", orientation, name, tall, want)
			}
		}
	}
}

func TestReportEndsWithItsContext(t *testing.T) {
	t.Parallel()
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if err := report.Write(ctx, io.Discard, sample(t)); !errors.Is(err, context.Canceled) {
		t.Errorf("got %v, want context.Canceled", err)
	}
}

func TestReportCountsWhatItLeavesOut(t *testing.T) {
	t.Parallel()
	r := sample(t)
	r.MorePhotos, r.MoreNotes = 7, 3
	small := report.Photo{Picture: picture("small.jpg", photo(t, 120, 90))}
	for range report.MaxPhotos - len(r.Photos) {
		r.Photos = append(r.Photos, small)
	}
	pdf := write(t, r)
	text := textOf(t, pdf)
	for _, want := range []string{"3 more in the app.", "7 more in the app."} {
		if !strings.Contains(text, want) {
			t.Errorf("got no %q", want)
		}
	}
	if limit := 20 << 20; len(pdf) > limit {
		t.Errorf("the file has %d bytes, the field takes %d", len(pdf), limit)
	}
}
