package picture

import (
	"image/color"
	"math"
	"math/rand/v2"
)

// portrait is a head and shoulders before a plain ground.
func portrait(c *canvas, r *rand.Rand) {
	ground := pick(r, []color.RGBA{rgb(0x2f6f73), rgb(0xc46a4a), rgb(0x6b5b95), rgb(0xd9a441), rgb(0x3f6ea8), rgb(0x7a8f5a), rgb(0xa8536b)})
	skin := pick(r, []color.RGBA{rgb(0xf1c9a5), rgb(0xe0ac86), rgb(0xc68a5e), rgb(0x9a6440), rgb(0x6f4429)})
	hair := pick(r, []color.RGBA{rgb(0x2a2220), rgb(0x57392a), rgb(0x8c5a2f), rgb(0xc9a063), rgb(0x9a9a98), rgb(0x7b2f1f)})
	shirt := pick(r, []color.RGBA{rgb(0xe8e4da), rgb(0x27384f), rgb(0xf07f3c), rgb(0x46634f), rgb(0x8b2f3a), rgb(0x4a4f57)})

	c.background(down(shade(ground, 0.3), shade(ground, -0.15)))
	long := r.IntN(3) == 0
	if long {
		c.round(54, 44, 84, 112, 40, flat(shade(hair, -0.15)))
	}
	c.round(30, 142, 132, 90, 44, down(shirt, shade(shirt, -0.25)))
	c.round(81, 112, 30, 48, 14, flat(shade(skin, -0.16)))
	c.polygon(flat(shade(shirt, -0.35)), point{76, 144}, point{116, 144}, point{96, 168})
	c.polygon(flat(shade(skin, -0.16)), point{81, 140}, point{111, 140}, point{96, 160})

	c.ellipse(96, 86, 35, 43, flat(skin))
	c.ellipse(60, 90, 6, 10, flat(shade(skin, -0.1)))
	c.ellipse(132, 90, 6, 10, flat(shade(skin, -0.1)))
	face(c, r, skin, hair, !long)
	haircut(c, r, hair, long)
}

func face(c *canvas, r *rand.Rand, skin, hair color.RGBA, mayHaveBeard bool) {
	ink := flat(rgb(0x2b2220))
	if r.IntN(4) == 0 && mayHaveBeard {
		c.polygon(flat(hair), append(arc(96, 92, 35, 39, 0.25, math.Pi-0.25), point{76, 104}, point{96, 100}, point{116, 104})...)
	}
	for _, x := range []float64{82, 110} {
		c.ellipse(x, 86, 3.4, 4, ink)
		c.ring(x, 82, 9, 2.6, 1.2*math.Pi, 1.8*math.Pi, flat(shade(hair, -0.2)))
	}
	c.ring(96, 94, 5, 2, 0.2*math.Pi, 0.8*math.Pi, flat(shade(skin, -0.3)))
	c.ring(96, 101, 13, 3, 0.2*math.Pi, 0.8*math.Pi, flat(rgb(0x9c3f3a)))
	if r.IntN(4) == 0 { // glasses
		for _, x := range []float64{82, 110} {
			c.ring(x, 86, 11, 2.4, 0, 2*math.Pi, ink)
		}
		c.rect(92, 84, 8, 2.4, ink)
	}
}

func haircut(c *canvas, r *rand.Rand, hair color.RGBA, long bool) {
	if r.IntN(5) == 0 && !long { // a safety helmet
		helmet := pick(r, []color.RGBA{rgb(0xf3c623), rgb(0xf4f4f2), rgb(0x2f6fb0)})
		c.polygon(down(shade(helmet, 0.25), shade(helmet, -0.2)), arc(96, 68, 42, 38, math.Pi, 2*math.Pi)...)
		c.round(48, 64, 96, 10, 5, flat(shade(helmet, -0.12)))
		c.rect(92, 30, 8, 36, flat(shade(helmet, 0.4)))
		return
	}
	fringe := between(r, 56, 68)
	top := append(arc(96, 82, 39, 45, math.Pi*1.02, math.Pi*1.98), point{128, fringe}, point{between(r, 84, 112), fringe - 12}, point{66, fringe + 4})
	c.polygon(flat(hair), top...)
	if long {
		c.round(56, 66, 12, 76, 6, flat(hair))
		c.round(124, 66, 12, 76, 6, flat(hair))
	}
}

// signature is a capital, a run of small loops, and a flourish.
func signature(c *canvas, r *rand.Rand) {
	ink := flat(rgb(0x1a1a1a))
	x, base := 36.0, between(r, 84, 94)
	slant := between(r, 0.15, 0.4)
	lean := func(dx, up float64) point { return point{x + dx + up*slant, base - up} }

	c.stroke([]point{lean(0, between(r, 20, 50)), lean(between(r, 8, 26), between(r, 55, 72)), lean(4, 6), lean(-8, -10), lean(22, 8), lean(40, between(r, 18, 30))}, 4.2, ink)
	x += 40
	for range 2 {
		path := []point{lean(0, 18)}
		for range 3 + r.IntN(4) {
			height := between(r, 12, 22)
			if r.IntN(4) == 0 {
				height = between(r, 36, 56)
			}
			path = append(path, lean(5, height), lean(9, height*0.9), lean(7, 2), lean(14, between(r, -3, 5)))
			x += between(r, 15, 22)
		}
		c.stroke(append(path, lean(between(r, 6, 14), between(r, 6, 14))), 3.4, ink)
		x += between(r, 16, 26)
	}
	if r.IntN(3) > 0 {
		x = between(r, 50, 90)
		c.stroke([]point{lean(0, -22), lean(110, -14), lean(between(r, 190, 260), between(r, -22, -8)), lean(between(r, 120, 170), -28)}, 2.6, ink)
	}
}
