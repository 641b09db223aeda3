// Package report draws the report of a completed work order, as the customer gets
// it: a PDF in A4.
//
//	var pdf bytes.Buffer
//	err := report.Write(ctx, &pdf, report.Report{Organization: "Quillon Lift Care", Number: 12, Title: "Inspect the lift"})
//
// The same report is the same file, byte for byte.
package report

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"io"
	"time"
)

// Limits of a report. What is beyond them is counted in it.
const (
	MaxNotes  = 200
	MaxPhotos = 24

	// maxPhotoBytes bounds what the photos of a report take in the file, after
	// they were scaled.
	maxPhotoBytes = 12 << 20
)

// Report is what a report says. Texts may be empty and times zero; what is not
// there is left out.
type Report struct {
	Organization string
	Number       int
	Title        string
	Description  string
	Site         string
	Address      string
	Assignee     string

	// Location is where the times are told. Defaults to UTC.
	Location *time.Location `json:"-"`
	// ScheduledStart to Completed are when the work was to be done, and was.
	ScheduledStart, ScheduledEnd, Started, Completed time.Time

	Checklist []Item
	// Notes are the first MaxNotes, and MoreNotes how many there are besides.
	Notes     []Note
	MoreNotes int
	// Photos are the first MaxPhotos, and MorePhotos how many there are besides.
	Photos     []Photo
	MorePhotos int
	Signature  *Picture
}

// Item is a line of the checklist.
type Item struct {
	Label string
	Done  bool
}

// Note is what somebody wrote down.
type Note struct {
	Author string
	At     time.Time
	Body   string
}

// Photo is a picture with what is said of it.
type Photo struct {
	Picture
	Caption string
	Author  string
	At      time.Time
}

// Picture is an image: JPEG, PNG or WebP.
type Picture struct {
	// Name tells the picture from every other one.
	Name string
	// Open reads the picture. Its error ends the report, unless it is of
	// [ErrNoPicture].
	Open func(ctx context.Context) (io.ReadCloser, error) `json:"-"`
}

// format is part of each fingerprint. It is raised when the same content is to
// give another file.
const format = 1

// Fingerprint tells reports from each other, by everything that they say.
func (r Report) Fingerprint() (string, error) {
	encoded, err := json.Marshal(struct {
		Format   int
		Location string
		Report
	}{format, r.location().String(), r})
	if err != nil {
		return "", fmt.Errorf("encode the report: %w", err)
	}
	sum := sha256.Sum256(encoded)
	return hex.EncodeToString(sum[:8]), nil
}

func (r Report) location() *time.Location {
	if r.Location == nil {
		return time.UTC
	}
	return r.Location
}
