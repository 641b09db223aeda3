package report

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"strconv"
	"time"

	"codeberg.org/go-pdf/fpdf"
)

// Measures, in millimetres and points.
const (
	margin     = 18.0
	pageWidth  = 210.0
	pageHeight = 297.0
	bottom     = 22.0 // of which the page number takes a part
	width      = pageWidth - 2*margin
	lineHeight = 5.2
	labelWidth = 34.0

	pageNumberWidth = 21.0

	gap         = 6.0 // between photos
	photoWidth  = (width - gap) / 2
	photoHeight = 66.0

	captionHeight = 3 * lineHeight
	signatureW    = 80.0
	signatureH    = 32.0

	bodySize  = 10.0
	smallSize = 8.5
)

// pageCount stands for how many pages there are until that is known. It begins
// with a character that is never printed, so that nobody's text has it.
const pageCount = "\x01pages"

// drawing is one report while it is drawn.
type drawing struct {
	*fpdf.Fpdf
	text   *text
	report Report
}

// Write draws the report. One photo at a time is in memory as it was taken, which
// is at most about 500 MB for one that is made for it, and 100 MB for those of a
// telephone.
func Write(ctx context.Context, out io.Writer, r Report) error {
	text, err := newText()
	if err != nil {
		return err
	}
	d := &drawing{Fpdf: fpdf.New("P", "mm", "A4", ""), text: text, report: r}
	d.prepare()
	d.head()
	d.facts()
	d.prose("Description", r.Description)
	d.checklist()
	d.notes()
	if err := d.photos(ctx); err != nil {
		return err
	}
	if err := d.signature(ctx); err != nil {
		return err
	}
	if d.text.missing {
		d.Ln(3)
		d.remark(fmt.Sprintf("%c stands for a character that this report's font does not have. The app shows it.", missing))
	}
	if err := d.Output(out); err != nil {
		return fmt.Errorf("write the report: %w", err)
	}
	return nil
}

func (d *drawing) prepare() {
	// what would otherwise differ from one time to the next
	d.SetCatalogSort(true)
	d.SetCreationDate(d.report.Completed.UTC())
	d.SetModificationDate(d.report.Completed.UTC())

	for style, font := range fonts() {
		d.AddUTF8FontFromBytes(family, style, bytes.Clone(font))
	}
	name := d.text.line(d.report.Organization)
	d.SetTitle(d.orderName()+": "+d.text.line(d.report.Title), true)
	d.SetAuthor(name, true)
	d.SetProducer("Holdall", true)
	d.SetMargins(margin, margin, margin)
	d.SetCellMargin(0)
	d.SetAutoPageBreak(true, bottom)
	d.AliasNbPages(pageCount)
	d.SetFooterFunc(func() {
		d.SetY(-bottom + 8)
		d.style("", smallSize, 110)
		d.CellFormat(width-pageNumberWidth, lineHeight, d.fit(name, width-pageNumberWidth)+" · "+d.orderName(), "", 0, "L", false, 0, "")
		// to the left, as how many pages there are is filled in at the end
		d.CellFormat(pageNumberWidth, lineHeight, fmt.Sprintf("Page %d of "+pageCount, d.PageNo()), "", 0, "L", false, 0, "")
	})
	d.AddPage()
}

func (d *drawing) orderName() string { return "Work order " + strconv.Itoa(d.report.Number) }

// style sets the font, its size in points and how light it is, 0..255.
func (d *drawing) style(style string, size float64, light int) {
	d.SetFont(family, style, size)
	d.SetTextColor(light, light, light)
}

// fit shortens a line to about the width.
func (d *drawing) fit(line string, width float64) string {
	runes := []rune(line)
	const rest = 45 // what stands beside it
	for len(runes) > 0 && d.GetStringWidth(string(runes))+rest > width {
		runes = runes[:len(runes)-1]
	}
	if len(runes) < len([]rune(line)) {
		return string(runes) + "…"
	}
	return line
}

func (d *drawing) head() {
	d.style("", bodySize, 110)
	d.MultiCell(width, lineHeight, d.text.line(d.report.Organization), "", "L", false)
	d.style("B", 17, 20)
	d.MultiCell(width, 8.5, d.text.line(d.report.Title), "", "L", false)
	d.style("", bodySize, 110)
	d.MultiCell(width, lineHeight+1, d.orderName()+" · Service report", "", "L", false)
	d.rule()
}

// rule is a line across the page.
func (d *drawing) rule() {
	d.SetDrawColor(205, 205, 205)
	d.SetLineWidth(0.2)
	d.Ln(2)
	d.Line(margin, d.GetY(), margin+width, d.GetY())
	d.Ln(3)
}

func (d *drawing) facts() {
	r := d.report
	d.fact("Site", r.Site)
	d.fact("Address", r.Address)
	d.fact("Technician", r.Assignee)
	d.fact("Scheduled", d.span(r.ScheduledStart, r.ScheduledEnd))
	d.fact("Work started", d.moment(r.Started))
	d.fact("Completed", d.moment(r.Completed))
	d.fact("Time zone", r.location().String())
}

func (d *drawing) fact(label, value string) {
	value = d.text.lines(value)
	if value == "" {
		return
	}
	d.room(lineHeight)
	d.style("", bodySize, 110)
	d.CellFormat(labelWidth, lineHeight+0.6, label, "", 0, "L", false, 0, "")
	d.style("", bodySize, 20)
	d.SetLeftMargin(margin + labelWidth)
	d.MultiCell(width-labelWidth, lineHeight+0.6, value, "", "L", false)
	d.SetLeftMargin(margin)
	d.SetX(margin)
}

// moment and span tell times as the organization's clock does.
func (d *drawing) moment(t time.Time) string {
	if t.IsZero() {
		return ""
	}
	return t.In(d.report.location()).Format("Mon 2 Jan 2006, 15:04")
}

func (d *drawing) span(start, end time.Time) string {
	if start.IsZero() || end.IsZero() {
		return d.moment(start)
	}
	layout := "Mon 2 Jan 2006, 15:04"
	from, to := start.In(d.report.location()), end.In(d.report.location())
	if from.Format(time.DateOnly) == to.Format(time.DateOnly) {
		layout = "15:04"
	}
	return d.moment(start) + " – " + to.Format(layout)
}

// room begins a new page unless the height is left on this one.
func (d *drawing) room(height float64) {
	if d.GetY()+height > pageHeight-bottom {
		d.AddPage()
	}
}

// heading begins a part, on the page of what follows.
func (d *drawing) heading(title string, follows float64) {
	d.room(12 + follows)
	d.Ln(5)
	d.style("B", 12, 20)
	d.CellFormat(width, 7, title, "", 1, "L", false, 0, "")
	d.style("", bodySize, 20)
}

// remark is a small line of the report about itself.
func (d *drawing) remark(line string) {
	d.style("", smallSize, 110)
	d.MultiCell(width, lineHeight, line, "", "L", false)
	d.style("", bodySize, 20)
}

func (d *drawing) prose(title, body string) {
	if body = d.text.lines(body); body == "" {
		return
	}
	d.heading(title, lineHeight)
	d.MultiCell(width, lineHeight, body, "", "L", false)
}

func (d *drawing) checklist() {
	if len(d.report.Checklist) == 0 {
		return
	}
	done := 0
	for _, item := range d.report.Checklist {
		if item.Done {
			done++
		}
	}
	d.heading(fmt.Sprintf("Checklist: %d of %d done", done, len(d.report.Checklist)), lineHeight)
	for _, item := range d.report.Checklist {
		d.room(lineHeight)
		d.tick(item.Done)
		state := "open: " // for whoever does not see the box
		if item.Done {
			state = "done: "
		}
		d.SetLeftMargin(margin + 6.5)
		d.SetX(margin + 6.5)
		d.style("", bodySize, 110)
		d.Write(lineHeight+0.6, state)
		d.style("", bodySize, 20)
		d.Write(lineHeight+0.6, d.text.line(item.Label))
		d.SetLeftMargin(margin)
		d.Ln(lineHeight + 0.6)
	}
}

// tick draws the box of an item.
func (d *drawing) tick(done bool) {
	const size = 3.6
	x, y := margin+0.4, d.GetY()+1.1
	d.SetLineWidth(0.3)
	d.SetDrawColor(90, 90, 90)
	d.Rect(x, y, size, size, "D")
	if !done {
		return
	}
	d.SetLineWidth(0.6)
	d.SetDrawColor(20, 110, 60)
	d.Line(x+0.7, y+1.9, x+1.5, y+2.8)
	d.Line(x+1.5, y+2.8, x+3, y+0.8)
}

func (d *drawing) notes() {
	if len(d.report.Notes) == 0 {
		return
	}
	d.heading("Notes", 3*lineHeight)
	for _, note := range d.report.Notes {
		d.room(2 * lineHeight)
		d.style("", smallSize, 110)
		d.MultiCell(width, lineHeight, d.byline(note.Author, note.At), "", "L", false)
		d.style("", bodySize, 20)
		d.MultiCell(width, lineHeight, d.text.lines(note.Body), "", "L", false)
		d.Ln(2)
	}
	if d.report.MoreNotes > 0 {
		d.remark(fmt.Sprintf("%d more in the app.", d.report.MoreNotes))
	}
}

func (d *drawing) byline(author string, at time.Time) string {
	line := d.text.line(author)
	if moment := d.moment(at); moment != "" && line != "" {
		line += ", " + moment
	} else if line == "" {
		line = moment
	}
	return line
}

// photos are two in a row, with what is said of them below.
func (d *drawing) photos(ctx context.Context) error {
	photos, total := d.report.Photos, 0
	if len(photos) == 0 {
		return nil
	}
	d.heading("Photos", photoHeight+captionHeight)
	row := 0.0 // how high the row is
	for i, photo := range photos {
		if i%2 == 0 {
			d.room(photoHeight + captionHeight)
		}
		content, err := photo.scaled(ctx)
		if err != nil && !errors.Is(err, errUnreadable) {
			return err
		}
		if total += len(content); total > maxPhotoBytes {
			d.Ln(row + captionHeight*float64(i%2))
			d.more(len(photos) - i)
			return nil
		}
		y := d.GetY()
		row = max(row, d.photo(photo, content, "photo"+strconv.Itoa(i), margin+float64(i%2)*(photoWidth+gap), y))
		d.SetXY(margin, y)
		if i%2 == 1 || i == len(photos)-1 {
			d.SetXY(margin, y+row+captionHeight)
			row = 0
		}
	}
	d.more(0)
	return nil
}

// more counts the photos that the report does not have.
func (d *drawing) more(left int) {
	if left += d.report.MorePhotos; left > 0 {
		d.remark(fmt.Sprintf("%d more in the app.", left))
	}
}

// scaled is the photo as it goes into the file.
func (p Photo) scaled(ctx context.Context) ([]byte, error) {
	picture, err := p.read(ctx, photoEdge)
	if err != nil {
		return nil, err
	}
	return asJPEG(picture)
}

// photo draws a photo, or says that there is none, and returns how high it is.
func (d *drawing) photo(photo Photo, content []byte, name string, x, y float64) float64 {
	var below float64
	if content == nil {
		d.SetDrawColor(205, 205, 205)
		d.SetLineWidth(0.2)
		below = photoHeight / 2
		d.Rect(x, y, photoWidth, below, "D")
		d.style("", smallSize, 110)
		d.SetXY(x, y+below/2-lineHeight/2)
		d.CellFormat(photoWidth, lineHeight, "This photo cannot be read and was left out.", "", 0, "C", false, 0, "")
	} else {
		below = d.image(name, "JPG", content, x, y, photoWidth, photoHeight)
	}
	d.style("", smallSize, 20)
	lines := d.SplitText(d.text.line(photo.Caption), photoWidth-4)
	if len(lines) > 1 { // the rest is in the app
		lines = []string{lines[0] + "…"}
	}
	lines = append(lines, d.byline(photo.Author, photo.At))
	for i, line := range lines {
		if i == len(lines)-1 {
			d.style("", smallSize, 110)
		}
		d.SetXY(x, y+below+1+float64(i)*lineHeight*0.9)
		d.CellFormat(photoWidth, lineHeight, line, "", 0, "L", false, 0, "")
	}
	return below
}

// image draws the image as large as the box allows and returns how high that is.
func (d *drawing) image(name, kind string, content []byte, x, y, boxWidth, boxHeight float64) float64 {
	options := fpdf.ImageOptions{ImageType: kind}
	info := d.RegisterImageOptionsReader(name, options, bytes.NewReader(content))
	if d.Err() {
		return 0
	}
	w, h := boxWidth, boxWidth*info.Height()/info.Width()
	if h > boxHeight {
		w, h = boxHeight*info.Width()/info.Height(), boxHeight
	}
	d.ImageOptions(name, x, y, w, h, false, options, 0, "")
	return h
}

func (d *drawing) signature(ctx context.Context) error {
	if d.report.Signature == nil {
		return nil
	}
	picture, err := d.report.Signature.read(ctx, signatureEdge)
	if errors.Is(err, errUnreadable) {
		d.heading("Signature", lineHeight)
		d.remark("The signature cannot be read and was left out.")
		return nil
	}
	if err != nil {
		return err
	}
	content, err := asPNG(picture)
	if err != nil {
		return fmt.Errorf("encode the signature: %w", err)
	}
	d.heading("Signature", signatureH+lineHeight)
	y := d.GetY()
	d.image("signature", "PNG", content, margin, y, signatureW, signatureH)
	d.SetDrawColor(90, 90, 90)
	d.SetLineWidth(0.2)
	d.Line(margin, y+signatureH, margin+signatureW, y+signatureH)
	d.SetXY(margin, y+signatureH+1)
	d.remark("Signed by the customer")
	return nil
}
