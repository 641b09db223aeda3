package report

import (
	"bytes"
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"image"
	"image/color"
	"image/draw"
	"image/jpeg"
	"image/png"
	"io"

	"github.com/disintegration/imaging"
	_ "golang.org/x/image/webp" // so that image.Decode knows it
)

// ErrNoPicture is for Picture.Open to return when there is no such file. The
// report then goes without the picture, and says so.
var ErrNoPicture = errors.New("there is no such picture")

// errUnreadable is what came of a picture that cannot be shown.
var errUnreadable = errors.New("the picture cannot be read")

const (
	// maxPictureBytes is the most that is read of a file.
	maxPictureBytes = 20 << 20

	// maxPixels bounds the memory that decoding takes, to about 20 bytes for each
	// in the worst case. Cameras in telephones have up to 24 million by default.
	maxPixels = 25_000_000

	// maxScans bounds the time that decoding takes: a JPEG file can go over the
	// whole picture again for each 50 of its bytes. Progressive ones have about 10.
	maxScans = 50

	// photoEdge and signatureEdge are how long the longer edge may be, in pixels:
	// about 300 to an inch, as they are printed.
	photoEdge     = 1000
	signatureEdge = 900

	photoQuality = 80 // of JPEG
)

// read returns the picture upright, on white, and with no edge over the limit.
func (p Picture) read(ctx context.Context, edge int) (image.Image, error) {
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	file, err := p.Open(ctx)
	if errors.Is(err, ErrNoPicture) {
		return nil, errUnreadable
	}
	if err != nil {
		return nil, fmt.Errorf("open picture %s: %w", p.Name, err)
	}
	defer file.Close()
	content, err := io.ReadAll(io.LimitReader(file, maxPictureBytes+1))
	if err != nil {
		return nil, fmt.Errorf("read picture %s: %w", p.Name, err)
	}
	// before anything is decoded, as a small file can be a very large picture
	size, kind, err := image.DecodeConfig(bytes.NewReader(content))
	if err != nil || len(content) > maxPictureBytes || kind == "jpeg" && scansOf(content) > maxScans || size.Width < 1 || size.Height < 1 || size.Width > maxPixels/size.Height {
		return nil, errUnreadable
	}
	decoded, _, err := image.Decode(bytes.NewReader(content))
	if err != nil {
		return nil, errUnreadable
	}
	scaled := upright(imaging.Fit(decoded, edge, edge, imaging.Box), orientationOf(content))
	onWhite := image.NewRGBA(scaled.Bounds())
	draw.Draw(onWhite, onWhite.Bounds(), image.NewUniform(color.White), image.Point{}, draw.Src)
	draw.Draw(onWhite, onWhite.Bounds(), scaled, scaled.Bounds().Min, draw.Over)
	return onWhite, nil
}

// scansOf counts how often a JPEG file goes over its picture.
func scansOf(content []byte) int {
	const (
		restart, lastRestart = 0xd0, 0xd7
		end, scan, fill      = 0xd9, 0xda, 0xff
	)
	scans := 0
	for at := 2; at+4 <= len(content); {
		marker := content[at+1]
		switch {
		case content[at] != 0xff || marker == fill: // data of a scan
			at++
		case marker == 0 || marker >= restart && marker <= lastRestart:
			at += 2
		case marker == end:
			return scans
		default:
			if marker == scan {
				scans++
			}
			at += 2 + int(binary.BigEndian.Uint16(content[at+2:]))
		}
	}
	return scans
}

// asJPEG and asPNG encode in the ways that every reader of PDF knows.
func asJPEG(picture image.Image) ([]byte, error) {
	var out bytes.Buffer
	err := jpeg.Encode(&out, picture, &jpeg.Options{Quality: photoQuality})
	return out.Bytes(), err
}

func asPNG(picture image.Image) ([]byte, error) {
	var out bytes.Buffer
	err := png.Encode(&out, picture)
	return out.Bytes(), err
}
