package env

import (
	"errors"
	"fmt"
	"math"
	"strconv"
	"strings"
	"time"
)

// Kind is a type of value: how it is read and shown.
type Kind[T any] struct {
	name   string
	want   string // ends the sentence "x is not ..."
	parse  func(string) (T, error)
	format func(T) string
}

// The kinds of options.
var (
	Text = Kind[string]{"text", "text", func(s string) (string, error) { return s, nil }, func(s string) string { return s }}

	Bool = Kind[bool]{"boolean", "true or false", parseBool, strconv.FormatBool}

	Int = Kind[int]{"number", "a whole number", strconv.Atoi, strconv.Itoa}

	// Share is a part of all, 0 to 1, written like 0.05 or 5%.
	Share = Kind[float64]{"share", "a share such as 0.05 or 5%", parseShare, formatShare}

	// Duration is written like 15s, 2m or 1h30m.
	Duration = Kind[time.Duration]{"duration", "a duration such as 15s or 2m", time.ParseDuration, formatDuration}

	// Size is a number of bytes, with or without a unit such as KiB, MiB, GB.
	Size = Kind[int64]{"size", "a size such as 512KiB or 10GiB", parseSize, formatSize}

	// List is separated by commas. Spaces around the elements do not count.
	List = Kind[[]string]{"list", "a comma-separated list", parseList, func(l []string) string { return strings.Join(l, ",") }}
)

// OneOf is a text that must be one of values.
func OneOf(values ...string) Kind[string] {
	parse := func(s string) (string, error) {
		for _, v := range values {
			if strings.EqualFold(s, v) {
				return v, nil
			}
		}
		return "", errNotThis
	}
	return Kind[string]{strings.Join(values, " | "), "one of " + strings.Join(values, ", "), parse, Text.format}
}

// errNotThis is never shown: the kind's want says what would be right.
var errNotThis = errors.New("not this kind of value")

// parseBool also accepts the words that people write in container files.
func parseBool(s string) (bool, error) {
	switch strings.ToLower(s) {
	case "1", "t", "true", "yes", "on":
		return true, nil
	case "0", "f", "false", "no", "off":
		return false, nil
	}
	return false, errNotThis
}

// formatDuration is the usual notation without the zero units: 2m, not 2m0s.
func formatDuration(d time.Duration) string {
	s := d.String()
	if strings.HasSuffix(s, "m0s") {
		s = strings.TrimSuffix(s, "0s")
	}
	if strings.HasSuffix(s, "h0m") {
		s = strings.TrimSuffix(s, "0m")
	}
	return s
}

var units = []struct {
	name  string
	bytes int64
}{
	{"TiB", 1 << 40},
	{"GiB", 1 << 30},
	{"MiB", 1 << 20},
	{"KiB", 1 << 10},
	{"TB", 1e12},
	{"GB", 1e9},
	{"MB", 1e6},
	{"KB", 1e3},
	{"B", 1},
}

func parseSize(s string) (int64, error) {
	number, unit := strings.TrimSpace(s), int64(1)
	for _, u := range units {
		if len(number) > len(u.name) && strings.EqualFold(number[len(number)-len(u.name):], u.name) {
			number, unit = strings.TrimSpace(number[:len(number)-len(u.name)]), u.bytes
			break
		}
	}
	n, err := strconv.ParseInt(number, 10, 64)
	if err != nil || n < 0 || n > math.MaxInt64/unit {
		return 0, errNotThis
	}
	return n * unit, nil
}

func formatSize(n int64) string {
	for _, u := range units {
		if u.bytes > 1 && n >= u.bytes && n%u.bytes == 0 {
			return fmt.Sprintf("%d%s", n/u.bytes, u.name)
		}
	}
	return strconv.FormatInt(n, 10)
}

func parseList(s string) ([]string, error) {
	var list []string
	for element := range strings.SplitSeq(s, ",") {
		if element = strings.TrimSpace(element); element != "" {
			list = append(list, element)
		}
	}
	if len(list) == 0 {
		return nil, errNotThis
	}
	return list, nil
}

func parseShare(s string) (float64, error) {
	number, percent := strings.CutSuffix(s, "%")
	share, err := strconv.ParseFloat(strings.TrimSpace(number), 64)
	if percent {
		share /= 100
	}
	if err != nil || !(share >= 0 && share <= 1) {
		return 0, errNotThis
	}
	return share, nil
}

func formatShare(share float64) string {
	return strconv.FormatFloat(share*100, 'g', 6, 64) + "%"
}
