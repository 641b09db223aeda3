package main

import (
	"fmt"
	"html"
	"math"
	"slices"
	"strings"
)

// charts are the pictures of the page, by their names in docs/images.
func (r *laneReport) charts() map[string][]byte {
	return map[string][]byte{
		"performance-throughput.svg": r.throughputChart(),
		"performance-latency.svg":    r.latencyChart(),
		"performance-growth.svg":     r.growthChart(),
	}
}

// Colours that are told apart on white and on black. Text is darker on the one and
// lighter on the other.
const (
	gray  = "#8b949e"
	blue  = "#3b82f6"
	green = "#0d9488"
	amber = "#d97706"
)

// picture is an SVG without a background.
type picture struct {
	strings.Builder
	width, height float64
}

func newPicture(width, height float64, title string) *picture {
	p := &picture{width: width, height: height}
	fmt.Fprintf(p, `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 %g %g" width="%g" height="%g" role="img" aria-label="%s" font-family="system-ui, sans-serif" font-size="12">`+"\n",
		width, height, width, height, html.EscapeString(title))
	fmt.Fprintln(p, "<style>text{fill:#59636e}.t{font-size:14px;font-weight:600}.g{stroke:#8b949e;stroke-opacity:.3}"+
		"@media(prefers-color-scheme:dark){text{fill:#9198a1}}</style>")
	p.text(0, 16, "start", title, "t")
	return p
}

func (p *picture) text(x, y float64, anchor, text, class string) {
	fmt.Fprintf(p, `<text x="%.1f" y="%.1f" text-anchor="%s" class="%s">%s</text>`+"\n", x, y, anchor, class, html.EscapeString(text))
}

func (p *picture) bar(x, y, width, height float64, colour string) {
	fmt.Fprintf(p, `<rect x="%.1f" y="%.1f" width="%.1f" height="%.1f" rx="1.5" fill="%s"/>`+"\n", x, y, max(0.5, width), height, colour)
}

func (p *picture) line(x1, y1, x2, y2 float64) {
	fmt.Fprintf(p, `<line x1="%.1f" y1="%.1f" x2="%.1f" y2="%.1f" class="g"/>`+"\n", x1, y1, x2, y2)
}

// legend names colours, from x on to the right.
func (p *picture) legend(x, y float64, names, colours []string) {
	for i, name := range names {
		p.bar(x, y-9, 10, 10, colours[i])
		p.text(x+15, y, "start", name, "")
		x += 32 + 6.6*float64(len(name))
	}
}

func (p *picture) end() []byte {
	fmt.Fprintln(p, "</svg>")
	return []byte(p.String())
}

// bars is a chart of lying bars: some for each label.
type bars struct {
	title   string
	names   []string
	colours []string
	labels  []string
	values  [][]float64 // by label, 0 for none
	show    func(float64) string
	log     bool
}

func (c bars) draw() []byte {
	const left, right, top, thick, gap = 130.0, 60.0, 56.0, 11.0, 9.0
	const width = 760.0
	row := float64(len(c.names))*thick + gap
	p := newPicture(width, top+row*float64(len(c.labels))+8, c.title)
	p.legend(left, 38, c.names, c.colours)
	all := slices.Concat(c.values...)
	all = slices.DeleteFunc(all, func(v float64) bool { return v <= 0 })
	if len(all) == 0 {
		return p.end()
	}
	from, to := 0.0, slices.Max(all)
	if c.log {
		from = math.Pow(10, math.Floor(math.Log10(slices.Min(all))))
	}
	at := func(v float64) float64 {
		if c.log {
			return left + (width-left-right)*math.Log(v/from)/math.Log(to/from)
		}
		return left + (width-left-right)*v/to
	}
	for _, tick := range ticks(from, to, c.log) {
		p.line(at(tick), top-8, at(tick), p.height-4)
	}
	for i, label := range c.labels {
		y := top + row*float64(i)
		p.text(left-10, y+row/2-gap/2+4, "end", label, "")
		for j, v := range c.values[i] {
			if v <= 0 {
				continue
			}
			p.bar(left, y+thick*float64(j), at(v)-left, thick-1.5, c.colours[j])
			p.text(at(v)+5, y+thick*float64(j)+9, "start", c.show(v), "")
		}
	}
	return p.end()
}

// ticks are where the lines of the grid are.
func ticks(from, to float64, log bool) []float64 {
	var at []float64
	if log {
		for v := from; v <= to; v *= 10 {
			at = append(at, v)
		}
		return at
	}
	step := math.Pow(10, math.Floor(math.Log10(to)))
	if to/step < 4 {
		step /= 2
	}
	for v := step; v <= to; v += step {
		at = append(at, v)
	}
	return append(at, 0)
}

func (r *laneReport) throughputChart() []byte {
	c := bars{
		title: "Operations per second, in multiples of PocketBase's", names: []string{"16 connections", "64 connections"}, colours: []string{blue, green},
		show: func(v float64) string { return fmt.Sprintf("%.1f×", v) },
	}
	for _, row := range r.Rows {
		if row.Conns != 16 {
			continue
		}
		values := make([]float64, 2)
		for i, conns := range laneSecondPair {
			if e := r.with(row.Name, conns).LaneOps; e != nil {
				values[i] = e.Median
			}
		}
		c.labels, c.values = append(c.labels, row.Name), append(c.values, values)
	}
	return c.draw()
}

func (r *laneReport) latencyChart() []byte {
	c := bars{
		title: "The slowest of a hundred requests (p99) at the same rate, in ms, on a logarithmic scale", names: []string{"PocketBase", "fast lane"}, colours: []string{gray, blue},
		show: func(v float64) string { return fmt.Sprintf("%.1f", v) }, log: true,
	}
	for _, row := range r.Offered {
		stock, lane := row.Programs[programStock], row.Programs[programLane]
		if stock != nil && lane != nil {
			c.labels, c.values = append(c.labels, row.Name), append(c.values, []float64{stock.P99MS, lane.P99MS})
		}
	}
	return c.draw()
}

// growthChart has the rows to the right and the time upwards, both logarithmic.
func (r *laneReport) growthChart() []byte {
	const left, right, top, bottom, width, height = 76.0, 170.0, 40.0, 300.0, 760.0, 340.0
	p := newPicture(width, height, "Processor time for a request in µs, by rows of the collection")
	var times, rows []float64
	for _, row := range r.Growth {
		if row.Stock != nil && row.Lane != nil {
			times, rows = append(times, row.Stock.CPUMicros, row.Lane.CPUMicros), append(rows, float64(row.Rows))
		}
	}
	if len(rows) == 0 {
		return p.end()
	}
	slices.Sort(rows)
	rows = slices.Compact(rows)
	fewest, most := rows[0], rows[len(rows)-1]
	low, high := math.Pow(10, math.Floor(math.Log10(slices.Min(times)))), math.Pow(10, math.Ceil(math.Log10(slices.Max(times))))
	x := func(v float64) float64 {
		return left + (width-left-right)*math.Log(v/fewest)/math.Max(1, math.Log(most/fewest))
	}
	y := func(v float64) float64 { return bottom - (bottom-top)*math.Log(v/low)/math.Log(high/low) }
	for _, tick := range ticks(low, high*1.01, true) {
		p.line(left, y(tick), width-right, y(tick))
		p.text(left-8, y(tick)+4, "end", thousands(tick), "")
	}
	for _, n := range rows {
		p.text(x(n), bottom+20, "middle", thousands(n), "")
	}
	var ends []curveEnd
	for i, name := range growing {
		ends = append(ends, r.curve(p, x, y, name, true, gray), r.curve(p, x, y, name, false, []string{blue, green, amber}[i]))
	}
	labelEnds(p, width-right+8, ends)
	return p.end()
}

// curveEnd is where a curve ends, for its name.
type curveEnd struct {
	y    float64
	name string
}

func (r *laneReport) curve(p *picture, x, y func(float64) float64, name string, stock bool, colour string) curveEnd {
	var points []string
	end := curveEnd{y: math.NaN(), name: name + ", lane"}
	dash := ""
	if stock {
		end.name, dash = name+", PocketBase", ` stroke-dasharray="5 3"`
	}
	for _, row := range r.Growth {
		if row.Name != name || row.Stock == nil || row.Lane == nil {
			continue
		}
		v := row.Lane.CPUMicros
		if stock {
			v = row.Stock.CPUMicros
		}
		points = append(points, fmt.Sprintf("%.1f,%.1f", x(float64(row.Rows)), y(v)))
		end.y = y(v)
	}
	if len(points) > 0 {
		fmt.Fprintf(p, `<polyline points="%s" fill="none" stroke="%s" stroke-width="2"%s/>`+"\n", strings.Join(points, " "), colour, dash)
	}
	return end
}

// labelEnds names the curves where they end, none over another.
func labelEnds(p *picture, x float64, ends []curveEnd) {
	slices.SortFunc(ends, func(a, b curveEnd) int { return int(math.Copysign(1, a.y-b.y)) })
	last := math.Inf(-1)
	for _, e := range ends {
		if math.IsNaN(e.y) {
			continue
		}
		last = max(e.y+4, last+14)
		p.text(x, last, "start", e.name, "")
	}
}
