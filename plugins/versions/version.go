package versions

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"
)

// Version is the API from one day on.
//
// A client that sends its date gets the API as it was from that day until the next
// version. Changes are what this version made different from the one before. So the
// oldest has none, and is there to be named by the clients that are built against it:
//
//	[]versions.Version{
//		{Date: "2026-11-01", Sunset: "2028-01-01"},
//		{Date: "2027-03-15", Description: "Orders have subjects.", Changes: []versions.Change{
//			versions.Rename("work_orders", "title", "subject"),
//		}},
//	}
type Version struct {
	// Date names the version: the day that it was released, as 2006-01-02.
	Date string
	// Description says to who uses the API what is new, in a sentence or two.
	Description string
	// Changes are made one after the other for what clients of the version before
	// send, and undone in the opposite order for what they are sent.
	Changes []Change
	// Deprecated is the day from which clients are told that they should move on,
	// as 2006-01-02, in UTC. It may be in the future. Defaults to none.
	Deprecated string
	// Sunset is the day from which the version is refused, as 2006-01-02, in UTC.
	// Clients are told of it before. Defaults to none.
	Sunset string
}

// Info is what there is to say of a version.
type Info struct {
	Date        string   `json:"date" doc:"What clients send to get this version."`
	Description string   `json:"description" doc:"What was new in it."`
	Changes     []string `json:"changes" doc:"What it made different from the version before."`
	Newest      bool     `json:"newest" doc:"Whether it is what clients get that name no version."`
	Deprecated  string   `json:"deprecated" doc:"The day from which clients should move on, empty if there is none."`
	Sunset      string   `json:"sunset" doc:"The day from which it is refused, empty if there is none."`
}

// release is a version with what follows from it.
type release struct {
	Version
	index              int
	deprecated, sunset time.Time // zero for never
	transformer        *Transformer
	headers            [][2]string // of each answer
}

// arrange checks the versions and sorts them, oldest first.
func arrange(given []Version) ([]*release, error) {
	var problems []error
	releases := make([]*release, 0, len(given))
	for _, v := range given {
		r := &release{Version: v}
		r.Changes = slices.Clone(v.Changes)
		problem := func(err error) {
			if err != nil {
				problems = append(problems, fmt.Errorf("versions: %s: %w", v.Date, err))
			}
		}
		if _, err := day(v.Date); v.Date == "" || err != nil {
			problems = append(problems, fmt.Errorf("versions: Date must be a day such as 2026-11-01, got %q", v.Date))
		}
		var err error
		r.deprecated, err = day(v.Deprecated)
		problem(err)
		r.sunset, err = day(v.Sunset)
		problem(err)
		if !r.sunset.IsZero() && r.deprecated.After(r.sunset) {
			problem(fmt.Errorf("the day of Deprecated must not be after that of Sunset, got %s and %s", v.Deprecated, v.Sunset))
		}
		for i := range r.Changes {
			problem(r.Changes[i].prepare())
		}
		releases = append(releases, r)
	}
	slices.SortStableFunc(releases, func(a, b *release) int { return strings.Compare(a.Date, b.Date) })
	for i, r := range releases {
		r.index = i
		if i > 0 && releases[i-1].Date == r.Date {
			problems = append(problems, fmt.Errorf("versions: there are two of %s", r.Date))
		}
	}
	if n := len(releases); n > 0 && (releases[n-1].Sunset != "" || releases[n-1].Deprecated != "") {
		problems = append(problems, fmt.Errorf("versions: %s is the newest, to which clients move on, and can have no Deprecated or Sunset", releases[n-1].Date))
	}
	return releases, errors.Join(problems...)
}

// day reads a date. None is the zero time.
func day(text string) (time.Time, error) {
	if text == "" {
		return time.Time{}, nil
	}
	at, err := time.Parse(time.DateOnly, text)
	if err != nil {
		return time.Time{}, fmt.Errorf("a day must be as 2026-11-01, got %q", text)
	}
	return at, nil
}

func (r *release) info(newest bool) Info {
	info := Info{
		Date: r.Date, Description: r.Description, Changes: []string{}, Newest: newest,
		Deprecated: r.Deprecated, Sunset: r.Sunset,
	}
	for i := range r.Changes {
		info.Changes = append(info.Changes, r.Changes[i].String())
	}
	return info
}
