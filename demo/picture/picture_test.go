package picture_test

import (
	"bytes"
	"fmt"
	"image"
	_ "image/jpeg"
	_ "image/png"
	"testing"

	"github.com/holdall-go/holdall/demo/picture"
)

// drawings are all kinds of pictures, each for a seed.
func drawings() map[string]func(seed uint64) ([]byte, error) {
	all := map[string]func(uint64) ([]byte, error){"portrait": picture.Portrait, "signature": picture.Signature}
	for scene := range picture.Scenes {
		all[fmt.Sprintf("scene %d", scene)] = func(seed uint64) ([]byte, error) { return picture.Photo(scene, seed) }
	}
	return all
}

func TestDrawings(t *testing.T) {
	t.Parallel()

	for name, draw := range drawings() {
		t.Run(name, func(t *testing.T) {
			t.Parallel()

			first, err := draw(1)
			if err != nil {
				t.Fatal(err)
			}
			again, err := draw(1)
			if err != nil {
				t.Fatal(err)
			}
			other, err := draw(2)
			if err != nil {
				t.Fatal(err)
			}

			if !bytes.Equal(first, again) {
				t.Error("got different bytes for the same seed, want the same")
			}
			if bytes.Equal(first, other) {
				t.Error("got the same bytes for different seeds, want different")
			}
			if len(first) < 1<<10 || len(first) > 32<<10 {
				t.Errorf("got %d bytes, want 1..32 KiB", len(first))
			}
			if shades := distinctColours(t, first); shades < 10 {
				t.Errorf("got %d colours, want a drawing", shades)
			}
		})
	}
}

func distinctColours(t *testing.T, encoded []byte) int {
	t.Helper()

	img, _, err := image.Decode(bytes.NewReader(encoded))
	if err != nil {
		t.Fatal(err)
	}
	seen := map[[3]uint32]bool{}
	for y := range img.Bounds().Dy() {
		for x := range img.Bounds().Dx() {
			r, g, b, _ := img.At(x, y).RGBA()
			seen[[3]uint32{r, g, b}] = true
		}
	}
	return len(seen)
}

func TestPhotoOfUnknownScene(t *testing.T) {
	t.Parallel()

	for _, scene := range []picture.Scene{-1, picture.Scenes} {
		if _, err := picture.Photo(scene, 1); err == nil {
			t.Errorf("scene %d: got no error, want one", scene)
		}
	}
}

func BenchmarkPhoto(b *testing.B) {
	for i := 0; b.Loop(); i++ {
		if _, err := picture.Photo(picture.Scene(i)%picture.Scenes, 1); err != nil {
			b.Fatal(err)
		}
	}
}
