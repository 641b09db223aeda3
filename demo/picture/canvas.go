package picture

import (
	"image"
	"image/color"
	"image/draw"
	"math"

	"golang.org/x/image/vector"
)

// point is a position, y growing downwards.
type point struct{ x, y float64 }

// canvas is an opaque image with smooth-edged shapes. What draws on it measures
// in units, of which w by h fit in.
type canvas struct {
	img    *image.RGBA
	w, h   float64
	scale  float64 // pixels per unit
	raster *vector.Rasterizer
	mask   *image.Alpha
	tints  []color.RGBA // of the columns of what is being filled
}

// newCanvas has width by height pixels and units across.
func newCanvas(width, height int, units float64) *canvas {
	scale := float64(width) / units
	c := &canvas{
		img:    image.NewRGBA(image.Rect(0, 0, width, height)),
		w:      units,
		h:      float64(height) / scale,
		scale:  scale,
		raster: vector.NewRasterizer(width, height),
		mask:   image.NewAlpha(image.Rect(0, 0, width, height)),
		tints:  make([]color.RGBA, width),
	}
	draw.Draw(c.img, c.img.Bounds(), image.White, image.Point{}, draw.Src)
	return c
}

// paint is a colour that runs from top to bottom of what it fills, or, with
// across, from left to right.
type paint struct {
	from, to color.RGBA
	across   bool
}

func flat(c color.RGBA) paint           { return paint{from: c, to: c} }
func down(from, to color.RGBA) paint    { return paint{from: from, to: to} }
func sideway(from, to color.RGBA) paint { return paint{from: from, to: to, across: true} }

func rgb(hex uint32) color.RGBA {
	return color.RGBA{R: uint8(hex >> 16), G: uint8(hex >> 8), B: uint8(hex), A: 255}
}

// alpha gives a colour an opacity of 0..1. Colours here are not premultiplied.
func alpha(c color.RGBA, a float64) color.RGBA {
	c.A = uint8(math.Round(255 * a))
	return c
}

// shade lightens a colour (amount up to 1) or darkens it (down to -1).
func shade(c color.RGBA, amount float64) color.RGBA {
	target := rgb(0xffffff)
	if amount < 0 {
		target, amount = rgb(0x000000), -amount
	}
	return mix(c, target, amount)
}

func mix(a, b color.RGBA, t float64) color.RGBA {
	blend := func(x, y uint8) uint8 { return uint8(math.Round(float64(x) + (float64(y)-float64(x))*t)) }
	return color.RGBA{R: blend(a.R, b.R), G: blend(a.G, b.G), B: blend(a.B, b.B), A: blend(a.A, b.A)}
}

// background fills the whole canvas.
func (c *canvas) background(p paint) { c.rect(0, 0, c.w, c.h, p) }

func (c *canvas) rect(x, y, w, h float64, p paint) {
	c.polygon(p, point{x, y}, point{x + w, y}, point{x + w, y + h}, point{x, y + h})
}

// round is a rectangle with rounded corners.
func (c *canvas) round(x, y, w, h, radius float64, p paint) {
	const steps = 6
	radius = math.Min(radius, math.Min(w, h)/2)
	corners := [4]point{{x + w - radius, y + radius}, {x + w - radius, y + h - radius}, {x + radius, y + h - radius}, {x + radius, y + radius}}
	var path []point
	for i, corner := range corners {
		for s := range steps + 1 {
			angle := math.Pi/2*float64(i-1) + math.Pi/2*float64(s)/steps
			path = append(path, point{corner.x + radius*math.Cos(angle), corner.y + radius*math.Sin(angle)})
		}
	}
	c.polygon(p, path...)
}

func (c *canvas) circle(x, y, r float64, p paint) { c.ellipse(x, y, r, r, p) }

func (c *canvas) ellipse(x, y, rx, ry float64, p paint) {
	c.polygon(p, arc(x, y, rx, ry, 0, 2*math.Pi)...)
}

// ring is the band of a circle between two angles, in radians clockwise from
// three o'clock.
func (c *canvas) ring(x, y, r, width, from, to float64, p paint) {
	outer := arc(x, y, r+width/2, r+width/2, from, to)
	inner := arc(x, y, r-width/2, r-width/2, to, from)
	c.polygon(p, append(outer, inner...)...)
}

func arc(x, y, rx, ry, from, to float64) []point {
	steps := max(8, int(math.Abs(to-from)*math.Max(rx, ry)/3))
	path := make([]point, 0, steps+1)
	for i := range steps + 1 {
		angle := from + (to-from)*float64(i)/float64(steps)
		path = append(path, point{x + rx*math.Cos(angle), y + ry*math.Sin(angle)})
	}
	return path
}

// line is a straight stroke with flat ends.
func (c *canvas) line(a, b point, width float64, p paint) {
	length := math.Hypot(b.x-a.x, b.y-a.y)
	if length == 0 {
		return
	}
	dx, dy := (b.y-a.y)/length*width/2, (a.x-b.x)/length*width/2
	c.polygon(p, point{a.x + dx, a.y + dy}, point{b.x + dx, b.y + dy}, point{b.x - dx, b.y - dy}, point{a.x - dx, a.y - dy})
}

// polygon fills a closed path. The work is proportional to the path's bounds,
// not to the canvas.
func (c *canvas) polygon(p paint, path ...point) {
	low, high := path[0], path[0]
	for _, q := range path[1:] {
		low = point{math.Min(low.x, q.x), math.Min(low.y, q.y)}
		high = point{math.Max(high.x, q.x), math.Max(high.y, q.y)}
	}
	low, high = point{low.x * c.scale, low.y * c.scale}, point{high.x * c.scale, high.y * c.scale}
	bounds := image.Rect(int(math.Floor(low.x)), int(math.Floor(low.y)), int(math.Ceil(high.x)), int(math.Ceil(high.y))).Intersect(c.img.Bounds())
	if bounds.Empty() {
		return
	}

	c.raster.Reset(bounds.Dx(), bounds.Dy())
	left, top := float64(bounds.Min.X), float64(bounds.Min.Y)
	c.raster.MoveTo(float32(path[0].x*c.scale-left), float32(path[0].y*c.scale-top))
	for _, q := range path[1:] {
		c.raster.LineTo(float32(q.x*c.scale-left), float32(q.y*c.scale-top))
	}
	c.raster.ClosePath()

	c.raster.DrawOp = draw.Src
	c.raster.Draw(c.mask, image.Rect(0, 0, bounds.Dx(), bounds.Dy()), image.Opaque, image.Point{})
	c.blend(bounds, p, low, high)
}

// blend puts paint where the mask says, over the extent of the whole shape
// even when part of it lies outside.
func (c *canvas) blend(bounds image.Rectangle, p paint, low, high point) {
	tints := c.tints[:bounds.Dx()]
	if p.across {
		for i := range tints {
			tints[i] = p.at((float64(bounds.Min.X+i) + 0.5 - low.x) / (high.x - low.x))
		}
	}
	for y := bounds.Min.Y; y < bounds.Max.Y; y++ {
		if !p.across {
			tint := p.at((float64(y) + 0.5 - low.y) / (high.y - low.y))
			for i := range tints {
				tints[i] = tint
			}
		}
		mask := c.mask.Pix[(y-bounds.Min.Y)*c.mask.Stride:][:len(tints)]
		row := c.img.Pix[c.img.PixOffset(bounds.Min.X, y):][:4*len(tints)]
		for i, tint := range tints {
			a := uint32(mask[i]) * uint32(tint.A)
			pixel := row[4*i : 4*i+4 : 4*i+4]
			switch a {
			case 0:
			case 255 * 255:
				pixel[0], pixel[1], pixel[2] = tint.R, tint.G, tint.B
			default:
				pixel[0] = over(pixel[0], tint.R, a)
				pixel[1] = over(pixel[1], tint.G, a)
				pixel[2] = over(pixel[2], tint.B, a)
			}
		}
	}
}

// over blends one channel; a is the opacity in 0..255*255.
func over(below, above uint8, a uint32) uint8 {
	return uint8((uint32(below)*(255*255-a) + uint32(above)*a) / (255 * 255))
}

func (p paint) at(t float64) color.RGBA {
	if p.from == p.to {
		return p.from
	}
	return mix(p.from, p.to, math.Max(0, math.Min(1, t)))
}

// vignette darkens the corners by up to strength, as a small lens does.
func (c *canvas) vignette(strength float64) {
	size := c.img.Bounds().Size()
	cx, cy := float64(size.X)/2, float64(size.Y)/2
	reach := cx*cx + cy*cy
	for y := range size.Y {
		row := c.img.Pix[y*c.img.Stride:]
		dy := (float64(y) - cy) * (float64(y) - cy)
		for x := range size.X {
			d := ((float64(x)-cx)*(float64(x)-cx) + dy) / reach
			keep := uint32(256 * (1 - strength*d*d))
			pixel := row[4*x : 4*x+3 : 4*x+3]
			pixel[0] = uint8(uint32(pixel[0]) * keep >> 8)
			pixel[1] = uint8(uint32(pixel[1]) * keep >> 8)
			pixel[2] = uint8(uint32(pixel[2]) * keep >> 8)
		}
	}
}

// stroke draws a smooth curve through the points with a pen whose width
// follows the speed of the hand.
func (c *canvas) stroke(through []point, width float64, p paint) {
	curve := spline(through)
	left, right := make([]point, 0, 2*len(curve)), make([]point, 0, len(curve))
	for i := range curve {
		a, b := curve[max(0, i-1)], curve[min(len(curve)-1, i+1)]
		length := math.Max(0.001, math.Hypot(b.x-a.x, b.y-a.y))
		half := width / 2 * (0.55 + 0.9/(1+length/4))
		dx, dy := (b.y-a.y)/length*half, (a.x-b.x)/length*half
		left = append(left, point{curve[i].x + dx, curve[i].y + dy})
		right = append(right, point{curve[i].x - dx, curve[i].y - dy})
	}
	// quads rather than one outline: a loop in the pen's path must not become a hole
	for i := 1; i < len(curve); i++ {
		c.polygon(p, left[i-1], left[i], right[i], right[i-1])
		c.circle(curve[i].x, curve[i].y, math.Hypot(left[i].x-right[i].x, left[i].y-right[i].y)/2, p)
	}
}

// spline is a Catmull-Rom curve through the points.
func spline(through []point) []point {
	const steps = 8
	at := func(i int) point { return through[max(0, min(len(through)-1, i))] }
	var curve []point
	for i := range len(through) - 1 {
		a, b, c, d := at(i-1), at(i), at(i+1), at(i+2)
		for s := range steps {
			t := float64(s) / steps
			weigh := func(a, b, c, d float64) float64 {
				return 0.5 * (2*b + (c-a)*t + (2*a-5*b+4*c-d)*t*t + (3*b-a-3*c+d)*t*t*t)
			}
			curve = append(curve, point{weigh(a.x, b.x, c.x, d.x), weigh(a.y, b.y, c.y, d.y)})
		}
	}
	return append(curve, through[len(through)-1])
}
