package picture

import (
	"image/color"
	"math"
	"math/rand/v2"
)

// walls are what most photos have as a background.
var walls = []color.RGBA{rgb(0xb9c2c6), rgb(0xc8bfae), rgb(0xa9b6ab), rgb(0xc2b3a8), rgb(0x9fadbd)}

func pick[T any](r *rand.Rand, of []T) T { return of[r.IntN(len(of))] }

func between(r *rand.Rand, low, high float64) float64 { return low + (high-low)*r.Float64() }

// wall paints a lit wall and returns its colour.
func wall(c *canvas, r *rand.Rand) color.RGBA {
	tone := pick(r, walls)
	c.background(down(shade(tone, 0.22), shade(tone, -0.28)))
	return tone
}

// tiles lays a grid over the wall.
func tiles(c *canvas, tone color.RGBA, size float64) {
	joint := flat(alpha(shade(tone, -0.45), 0.35))
	for x := size * 0.6; x < c.w; x += size {
		c.rect(x, 0, 2, c.h, joint)
	}
	for y := size * 0.4; y < c.h; y += size {
		c.rect(0, y, c.w, 2, joint)
	}
}

// pipe is a horizontal or vertical tube, lit from the upper left.
func pipe(c *canvas, x, y, w, h float64, metal color.RGBA) {
	dark, light := shade(metal, -0.45), shade(metal, 0.5)
	if w >= h {
		c.rect(x+3, y+h*0.75, w, h*0.6, flat(alpha(rgb(0), 0.18)))
		c.rect(x, y, w, h*0.35, down(metal, light))
		c.rect(x, y+h*0.35, w, h*0.65, down(light, dark))
		return
	}
	c.rect(x+w*0.75, y+3, w*0.6, h, flat(alpha(rgb(0), 0.18)))
	c.rect(x, y, w*0.35, h, sideway(metal, light))
	c.rect(x+w*0.35, y, w*0.65, h, sideway(light, dark))
}

// screw is a slotted head.
func screw(c *canvas, x, y, r, angle float64) {
	c.circle(x, y+1, r, flat(alpha(rgb(0), 0.35)))
	c.circle(x, y, r, down(rgb(0xe3e5e6), rgb(0x8d9295)))
	dx, dy := math.Cos(angle)*r*0.75, math.Sin(angle)*r*0.75
	c.line(point{x - dx, y - dy}, point{x + dx, y + dy}, 2, flat(rgb(0x4a4e51)))
}

func gauge(c *canvas, r *rand.Rand) {
	tone := wall(c, r)
	tiles(c, tone, between(r, 70, 110))
	metal := pick(r, []color.RGBA{rgb(0xb87333), rgb(0x8f979b), rgb(0xb08d57)})
	pipe(c, 0, 286, c.w, 40, metal)
	cx, cy, radius := between(r, 205, 275), 158.0, between(r, 112, 128)
	pipe(c, cx-17, cy+radius-10, 34, 300-cy-radius+10, metal)

	c.circle(cx+7, cy+9, radius+12, flat(alpha(rgb(0), 0.22)))
	c.circle(cx, cy, radius+12, down(rgb(0xd8dcde), rgb(0x565c60)))
	c.circle(cx, cy, radius, down(rgb(0xfdfdf8), rgb(0xdfe2df)))

	const start, sweep = 0.75 * math.Pi, 1.5 * math.Pi
	good := between(r, 0.3, 0.45)
	c.ring(cx, cy, radius*0.83, 12, start, start+sweep*good, flat(rgb(0xd9a441)))
	c.ring(cx, cy, radius*0.83, 12, start+sweep*good, start+sweep*0.72, flat(rgb(0x4f9d69)))
	c.ring(cx, cy, radius*0.83, 12, start+sweep*0.72, start+sweep, flat(rgb(0xc8483e)))
	for i := range 31 {
		angle, inner := start+sweep*float64(i)/30, 0.7
		if i%5 == 0 {
			inner = 0.62
		}
		dx, dy := math.Cos(angle), math.Sin(angle)
		c.line(point{cx + dx*radius*inner, cy + dy*radius*inner}, point{cx + dx*radius*0.76, cy + dy*radius*0.76}, 2.4, flat(rgb(0x2b2f31)))
	}

	angle := start + sweep*between(r, 0.12, 0.8)
	dx, dy := math.Cos(angle), math.Sin(angle)
	c.polygon(flat(rgb(0xa8201a)),
		point{cx + dx*radius*0.72, cy + dy*radius*0.72}, point{cx - dy*6 - dx*22, cy + dx*6 - dy*22}, point{cx + dy*6 - dx*22, cy - dx*6 - dy*22})
	c.circle(cx, cy, 11, down(rgb(0x6d7478), rgb(0x23272a)))
	c.ellipse(cx-radius*0.3, cy-radius*0.45, radius*0.5, radius*0.3, down(alpha(rgb(0xffffff), 0.4), alpha(rgb(0xffffff), 0)))
}

func pipes(c *canvas, r *rand.Rand) {
	tone := wall(c, r)
	tiles(c, tone, between(r, 90, 140))
	metals := []color.RGBA{rgb(0xb87333), rgb(0x8f979b), rgb(0x54779c), rgb(0xa8483a)}
	x := between(r, 40, 80)
	for x < c.w-60 {
		metal, width := pick(r, metals), between(r, 20, 36)
		pipe(c, x, 0, width, c.h, metal)
		for y := between(r, 30, 90); y < c.h; y += between(r, 120, 190) {
			c.round(x-6, y, width+12, 22, 4, down(shade(metal, 0.35), shade(metal, -0.4)))
		}
		x += width + between(r, 34, 80)
	}
	y := between(r, 120, 220)
	pipe(c, 0, y, c.w, 34, pick(r, metals))

	// the valve
	vx, vy := between(r, 160, 320), y+17
	c.round(vx-34, vy-26, 68, 52, 8, down(rgb(0xc9a45c), rgb(0x6f5523)))
	c.rect(vx-6, vy-70, 12, 48, sideway(rgb(0xd9dde0), rgb(0x6b7175)))
	wheel := pick(r, []color.RGBA{rgb(0xb3261e), rgb(0x1f5f99), rgb(0x2e7d4f)})
	c.ellipse(vx+3, vy-68, 50, 17, flat(alpha(rgb(0), 0.25)))
	c.ellipse(vx, vy-74, 50, 17, down(shade(wheel, 0.25), shade(wheel, -0.35)))
	c.ellipse(vx, vy-75, 36, 10, flat(shade(wheel, -0.55)))
	c.rect(vx-40, vy-78, 80, 6, flat(wheel))
	c.circle(vx, vy-75, 7, down(rgb(0xe8e8e8), rgb(0x7c7c7c)))
	if r.IntN(2) == 0 { // a drop under the joint
		c.circle(vx+20, vy+46, 6, flat(rgb(0x8fc3e8)))
		c.polygon(flat(rgb(0x8fc3e8)), point{vx + 15, vy + 43}, point{vx + 20, vy + 30}, point{vx + 25, vy + 43})
	}
}

func roof(c *canvas, r *rand.Rand) {
	sky := pick(r, []color.RGBA{rgb(0x6fa8d6), rgb(0x9bb7c9), rgb(0xe0a878)})
	c.background(down(shade(sky, -0.12), shade(sky, 0.55)))
	c.circle(between(r, 60, 420), between(r, 40, 80), 24, flat(alpha(rgb(0xfff6d8), 0.9)))
	for range 3 {
		x, y := between(r, 20, 400), between(r, 30, 100)
		for i := range 4 {
			c.ellipse(x+float64(i)*22, y+between(r, -5, 5), 26, 11, flat(alpha(rgb(0xffffff), 0.5)))
		}
	}
	ridge, eave := between(r, 112, 135), 330.0
	tile := pick(r, []color.RGBA{rgb(0x8c3f2d), rgb(0x4a5259), rgb(0x6b4a3a)})
	c.polygon(down(shade(tile, 0.12), shade(tile, -0.35)), point{70, ridge}, point{420, ridge}, point{500, eave}, point{-20, eave})
	const rows = 11
	for row := 1; row < rows; row++ {
		t := float64(row) / rows
		y := ridge + (eave-ridge)*t
		c.rect(70-90*t, y, 350+170*t, 2, flat(alpha(rgb(0), 0.28)))
		for i := 0.5 * float64(row%2); i < 20; i++ {
			x := 70 - 90*t + (350+170*t)*i/20
			c.rect(x, y-(eave-ridge)/rows, 1.5, (eave-ridge)/rows, flat(alpha(rgb(0), 0.2)))
		}
	}
	c.rect(-20, eave, 540, 12, down(rgb(0xdadfe2), rgb(0x7d858a)))
	c.background(paint{from: alpha(rgb(0), 0), to: alpha(rgb(0x101820), 0.25)})

	columns := 2 + r.IntN(3)
	for row := range 2 {
		t0, t1 := 0.16+0.36*float64(row), 0.48+0.36*float64(row)
		for column := range columns {
			solarPanel(c, ridge, eave, t0, t1, 0.14+0.72*float64(column)/float64(columns), 0.14+0.72*(float64(column)+0.93)/float64(columns))
		}
	}
}

// solarPanel lies on the roof between heights t0..t1 and across u0..u1, all 0..1.
func solarPanel(c *canvas, ridge, eave, t0, t1, u0, u1 float64) {
	at := func(u, t float64) point { return point{70 - 90*t + (350+170*t)*u, ridge + (eave-ridge)*t} }
	c.polygon(flat(rgb(0xc7ccd0)), at(u0-0.006, t0-0.012), at(u1+0.006, t0-0.012), at(u1+0.006, t1+0.012), at(u0-0.006, t1+0.012))
	c.polygon(down(rgb(0x3f6ea8), rgb(0x11274a)), at(u0, t0), at(u1, t0), at(u1, t1), at(u0, t1))
	for i := 1; i < 5; i++ {
		u := u0 + (u1-u0)*float64(i)/5
		c.line(at(u, t0), at(u, t1), 1.3, flat(alpha(rgb(0xd6e4f5), 0.55)))
	}
	for i := 1; i < 4; i++ {
		t := t0 + (t1-t0)*float64(i)/4
		c.line(at(u0, t), at(u1, t), 1.3, flat(alpha(rgb(0xd6e4f5), 0.55)))
	}
	c.polygon(flat(alpha(rgb(0xffffff), 0.14)), at(u0, t0), at(u0+(u1-u0)*0.55, t0), at(u0+(u1-u0)*0.2, t1), at(u0, t1))
}

func fusePanel(c *canvas, r *rand.Rand) {
	wall(c, r)
	c.round(62, 30, 372, 312, 10, flat(alpha(rgb(0), 0.25)))
	c.round(54, 22, 372, 312, 10, down(rgb(0xf1f2f0), rgb(0xc3c7c6)))
	c.round(74, 42, 332, 272, 6, down(rgb(0x9aa1a3), rgb(0xb9bfc0)))
	tripped := r.IntN(20)
	for row := range 2 {
		y := 64 + float64(row)*124
		c.rect(84, y+34, 312, 26, down(rgb(0xd7dadb), rgb(0x868d90)))
		for i := range 10 {
			x := 88 + float64(i)*30.6
			c.round(x, y, 28, 96, 3, down(rgb(0xfafaf8), rgb(0xd2d5d4)))
			c.rect(x+4, y+8, 20, 12, flat(pick(r, []color.RGBA{rgb(0xe7eef3), rgb(0xf4ecd2), rgb(0xe3efe3)})))
			c.rect(x+8, y+30, 12, 34, flat(rgb(0x3a4043)))
			if row*10+i == tripped {
				c.rect(x+8, y+48, 12, 16, down(rgb(0xd9534a), rgb(0x8e231c)))
				continue
			}
			c.rect(x+8, y+30, 12, 16, down(rgb(0x5a6266), rgb(0x1f2426)))
			c.rect(x+10, y+52, 8, 7, flat(rgb(0x57a773)))
		}
	}
	for _, at := range []point{{66, 34}, {414, 34}, {66, 322}, {414, 322}} {
		screw(c, at.x, at.y, 6, between(r, 0, math.Pi))
	}
}

func boiler(c *canvas, r *rand.Rand) {
	tone := wall(c, r)
	tiles(c, tone, between(r, 60, 90))
	for i, x := range []float64{168, 212, 256, 300} {
		pipe(c, x, 286, 16, 80, []color.RGBA{rgb(0xb87333), rgb(0xb87333), rgb(0xc9a45c), rgb(0x8f979b)}[i])
	}
	x := between(r, 126, 146)
	c.round(x+9, 29, 220, 272, 14, flat(alpha(rgb(0), 0.25)))
	c.round(x, 20, 220, 272, 14, sideway(rgb(0xfbfbfa), rgb(0xcfd3d4)))
	c.rect(x, 214, 220, 2, flat(rgb(0xa9afb1)))
	accent := pick(r, []color.RGBA{rgb(0x1f7a8c), rgb(0xbf4e30), rgb(0x4c5b8a)})
	c.round(x+22, 44, 70, 9, 4, flat(accent))
	c.round(x+54, 232, 112, 42, 5, flat(rgb(0x20282b)))
	c.round(x+58, 236, 104, 34, 3, down(rgb(0x9fc7b0), rgb(0x74a58d)))
	digits(c, x+72, 241, 15, 24, rgb(0x17302a), r.IntN(3), r.IntN(10), r.IntN(10))
	for i := range 2 {
		c.circle(x+30+float64(i)*160, 253, 14, down(rgb(0xe9ebeb), rgb(0x9da4a6)))
		c.line(point{x + 30 + float64(i)*160, 253}, point{x + 30 + float64(i)*160 + between(r, -8, 8), 242}, 3, flat(accent))
	}
	c.circle(x+110, 150, 25, flat(rgb(0x22262a)))
	c.polygon(down(rgb(0xf9d66b), rgb(0xe4642c)), point{x + 97, 168}, point{x + 102, 146}, point{x + 110, 130}, point{x + 119, 148}, point{x + 123, 168})
	c.ring(x+110, 150, 26, 5, 0, 2*math.Pi, down(rgb(0xe5e8e9), rgb(0x7e8588)))
}

// digits writes seven-segment figures of 0..9.
func digits(c *canvas, x, y, w, h float64, ink color.RGBA, figures ...int) {
	segments := [10]byte{0x77, 0x24, 0x5d, 0x6d, 0x2e, 0x6b, 0x7b, 0x25, 0x7f, 0x6f}
	for i, figure := range figures {
		left, on := x+float64(i)*(w+8), segments[figure]
		bars := [7][4]float64{
			{0, 0, w, 3},
			{0, 0, 3, h / 2},
			{w - 3, 0, 3, h / 2},
			{0, h/2 - 1.5, w, 3},
			{0, h / 2, 3, h / 2},
			{w - 3, h / 2, 3, h / 2},
			{0, h - 3, w, 3},
		}
		for s, bar := range bars {
			if on&(1<<s) != 0 {
				c.rect(left+bar[0], y+bar[1], bar[2], bar[3], flat(ink))
			}
		}
	}
}

func thermostat(c *canvas, r *rand.Rand) {
	wall(c, r)
	cx, cy := between(r, 215, 265), between(r, 165, 190)
	c.circle(cx+8, cy+11, 122, flat(alpha(rgb(0), 0.2)))
	c.circle(cx, cy, 122, down(rgb(0xf7f7f5), rgb(0xb6bcbe)))
	c.circle(cx, cy, 108, down(rgb(0x343b40), rgb(0x14181b)))
	const start, sweep = 0.75 * math.Pi, 1.5 * math.Pi
	c.ring(cx, cy, 94, 9, start, start+sweep, flat(rgb(0x3f474c)))
	level := between(r, 0.25, 0.85)
	warmth := mix(rgb(0x4fa3d9), rgb(0xe8743b), level)
	c.ring(cx, cy, 94, 9, start, start+sweep*level, flat(warmth))
	angle := start + sweep*level
	c.circle(cx+94*math.Cos(angle), cy+94*math.Sin(angle), 9, flat(rgb(0xffffff)))
	digits(c, cx-44, cy-32, 38, 64, shade(warmth, 0.55), 1+r.IntN(2), r.IntN(10))
	c.rect(cx-24, cy+54, 48, 4, flat(rgb(0x5d666b)))
	c.ellipse(cx-34, cy-62, 52, 26, down(alpha(rgb(0xffffff), 0.16), alpha(rgb(0xffffff), 0)))
}

func waterStain(c *canvas, r *rand.Rand) {
	paper := pick(r, []color.RGBA{rgb(0xe9e3d6), rgb(0xdfe4e3), rgb(0xe8dcd0)})
	c.background(down(shade(paper, 0.2), shade(paper, -0.14)))
	c.rect(0, 0, c.w, 34, down(rgb(0xffffff), shade(paper, -0.1)))
	c.rect(0, 34, c.w, 5, down(alpha(rgb(0), 0.22), alpha(rgb(0), 0)))
	x, y := between(r, 170, 310), between(r, 70, 110)
	phase := between(r, 0, 6)
	for layer := range 6 {
		size := 1 - 0.14*float64(layer)
		var edge []point
		for i := range 90 {
			angle := 2 * math.Pi * float64(i) / 90
			wobble := 1 + 0.12*math.Sin(3*angle+phase) + 0.07*math.Sin(7*angle+2*phase) + 0.04*math.Sin(11*angle-phase)
			edge = append(edge, point{x + 150*size*wobble*math.Cos(angle), y + 96*size*wobble*math.Sin(angle)})
		}
		c.polygon(flat(alpha(rgb(0x7a5a30), 0.1)), edge...)
	}
	for range 5 {
		left, top := x+between(r, -90, 90), y+between(r, 20, 60)
		length := between(r, 60, 170)
		c.round(left, top, between(r, 5, 10), length, 5, down(alpha(rgb(0x6f5027), 0.3), alpha(rgb(0x6f5027), 0.05)))
		c.circle(left+4, top+length, between(r, 3, 6), flat(alpha(rgb(0x6a91ab), 0.55)))
	}
	c.rect(0, 328, c.w, 32, down(rgb(0xfbfaf7), rgb(0xb9b4a9)))
}

func radiator(c *canvas, r *rand.Rand) {
	tone := wall(c, r)
	c.rect(0, 300, c.w, 60, down(rgb(0xa67c52), rgb(0x6d4d2e)))
	c.rect(0, 292, c.w, 12, down(rgb(0xffffff), shade(tone, -0.2)))
	for x := 30.0; x < c.w; x += 96 {
		c.rect(x, 304, 2, 56, flat(alpha(rgb(0), 0.25)))
	}
	ribs := 8 + r.IntN(4)
	width := 330 / float64(ribs)
	for i := range ribs {
		x := 70 + width*float64(i)
		c.round(x+5, 74, width-5, 208, 10, flat(alpha(rgb(0), 0.16)))
		c.round(x, 66, width-5, 208, 10, sideway(rgb(0xffffff), rgb(0xb4babd)))
	}
	c.round(64, 88, 338, 14, 6, down(rgb(0xffffff), rgb(0xaab0b3)))
	c.round(64, 240, 338, 14, 6, down(rgb(0xffffff), rgb(0xaab0b3)))
	pipe(c, 414, 246, 12, 60, rgb(0xb87333))
	c.rect(398, 244, 28, 12, down(rgb(0xd9b26a), rgb(0x7a5c26)))
	knob := pick(r, []color.RGBA{rgb(0xf2f2ef), rgb(0x30383c)})
	c.round(402, 196, 36, 50, 8, sideway(shade(knob, 0.1), shade(knob, -0.3)))
	for i := range 5 {
		c.rect(408+float64(i)*6, 202, 2, 36, flat(alpha(rgb(0), 0.25)))
	}
}
