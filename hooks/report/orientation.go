package report

import (
	"encoding/binary"
	"image"

	"github.com/disintegration/imaging"
)

// orientationOf tells how the camera was held, 1..8 as EXIF counts; 1 is upright,
// and for every file that does not say.
//
// It is here because [imaging.AutoOrientation] turns pictures before they are
// scaled, which takes several times the memory.
func orientationOf(content []byte) int {
	const upright = 1
	exif := exifOf(content)
	if len(exif) < 8 {
		return upright
	}
	var order binary.ByteOrder
	switch string(exif[:4]) {
	case "II*\x00":
		order = binary.LittleEndian
	case "MM\x00*":
		order = binary.BigEndian
	default:
		return upright
	}
	const entrySize, orientationTag, short = 12, 0x0112, 3
	at := uint64(order.Uint32(exif[4:]))
	if at+2 > uint64(len(exif)) {
		return upright
	}
	entries := exif[at+2:]
	for range order.Uint16(exif[at:]) {
		if len(entries) < entrySize {
			return upright
		}
		if order.Uint16(entries) == orientationTag && order.Uint16(entries[2:]) == short {
			if value := int(order.Uint16(entries[8:])); value >= 1 && value <= 8 {
				return value
			}
			return upright
		}
		entries = entries[entrySize:]
	}
	return upright
}

// exifOf returns the EXIF data of a JPEG file, nil for none.
func exifOf(content []byte) []byte {
	const header = "Exif\x00\x00"
	if len(content) < 2 || content[0] != 0xff || content[1] != 0xd8 {
		return nil
	}
	rest := content[2:]
	for len(rest) >= 4 && rest[0] == 0xff {
		marker, length := rest[1], int(binary.BigEndian.Uint16(rest[2:]))
		if marker == 0xda || length < 2 || len(rest) < 2+length { // the picture begins
			return nil
		}
		segment := rest[4 : 2+length]
		if marker == 0xe1 && len(segment) >= len(header) && string(segment[:len(header)]) == header {
			return segment[len(header):]
		}
		rest = rest[2+length:]
	}
	return nil
}

// upright turns a picture as its orientation says.
func upright(picture image.Image, orientation int) image.Image {
	switch orientation {
	case 2:
		return imaging.FlipH(picture)
	case 3:
		return imaging.Rotate180(picture)
	case 4:
		return imaging.FlipV(picture)
	case 5:
		return imaging.Transpose(picture)
	case 6:
		return imaging.Rotate270(picture)
	case 7:
		return imaging.Transverse(picture)
	case 8:
		return imaging.Rotate90(picture)
	default:
		return picture
	}
}
