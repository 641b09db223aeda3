// Package picture draws the small images of the demo data: photos of
// installations, portraits and signatures. The same arguments give the same
// bytes, so a seeded data set can be compared file by file.
//
//	jpeg, err := picture.Photo(picture.Gauge, 42)
package picture

import (
	"bytes"
	"fmt"
	"image"
	"image/color"
	"image/jpeg"
	"image/png"
	"math/rand/v2"
)

// Sizes of the images in pixels.
const (
	PhotoWidth, PhotoHeight         = 400, 300
	PortraitSize                    = 192
	SignatureWidth, SignatureHeight = 420, 140
)

// Scene is what a photo shows.
type Scene int

// The scenes that [Photo] can draw.
const (
	Gauge Scene = iota
	Pipes
	Roof
	FusePanel
	Boiler
	Thermostat
	WaterStain
	Radiator
	Scenes // the number of scenes
)

// Photo draws a scene and returns it as a JPEG of a few KB. The seed varies
// colours, proportions and readings. An unknown scene is an error.
func Photo(scene Scene, seed uint64) ([]byte, error) {
	painters := [Scenes]func(*canvas, *rand.Rand){gauge, pipes, roof, fusePanel, boiler, thermostat, waterStain, radiator}
	if scene < 0 || scene >= Scenes {
		return nil, fmt.Errorf("picture: scene must be in 0..%d, got %d", Scenes-1, scene)
	}

	c := newCanvas(PhotoWidth, PhotoHeight, 480)
	painters[scene](c, rand.New(rand.NewPCG(seed, uint64(scene)))) //nolint:gosec // drawings need no secrecy
	c.vignette(0.34)

	return encodeJPEG(c.img, 74)
}

// Portrait draws a person and returns it as a square JPEG.
func Portrait(seed uint64) ([]byte, error) {
	c := newCanvas(PortraitSize, PortraitSize, 192)
	portrait(c, rand.New(rand.NewPCG(seed, 0x9071))) //nolint:gosec // drawings need no secrecy

	return encodeJPEG(c.img, 82)
}

// Signature draws a handwritten signature, dark on white, and returns it as a PNG.
func Signature(seed uint64) ([]byte, error) {
	c := newCanvas(SignatureWidth, SignatureHeight, 420)
	signature(c, rand.New(rand.NewPCG(seed, 0x516e))) //nolint:gosec // drawings need no secrecy

	// sixteen shades keep the smooth edges and a third of the size
	shades := make(color.Palette, 16)
	for i := range shades {
		shades[i] = color.Gray{Y: uint8(i * 17)}
	}
	reduced := image.NewPaletted(c.img.Bounds(), shades)
	for i := range reduced.Pix {
		reduced.Pix[i] = c.img.Pix[4*i] / 16
	}

	var out bytes.Buffer
	if err := png.Encode(&out, reduced); err != nil {
		return nil, fmt.Errorf("encode signature: %w", err)
	}
	return out.Bytes(), nil
}

func encodeJPEG(img image.Image, quality int) ([]byte, error) {
	var out bytes.Buffer
	if err := jpeg.Encode(&out, img, &jpeg.Options{Quality: quality}); err != nil {
		return nil, fmt.Errorf("encode photo: %w", err)
	}
	return out.Bytes(), nil
}
