package push_test

import (
	"fmt"
	"testing"
	"time"

	"github.com/pocketbase/pocketbase/core"

	"github.com/holdall-go/holdall/internal/clock/clocktest"
	"github.com/holdall-go/holdall/internal/pbtest"
	"github.com/holdall-go/holdall/plugins/push"
	"github.com/holdall-go/holdall/plugins/push/provider"
)

func TestQuietHoursEnd(t *testing.T) {
	t.Parallel()
	night, noon := push.QuietHours{From: "22:00", To: "07:00"}, push.QuietHours{From: "12:00", To: "13:30"}
	cases := []struct {
		name      string
		hours     push.QuietHours
		zone      string
		now, want string
	}{
		{"by day", night, "Europe/Vienna", "2026-11-01T12:00:00Z", "2026-11-01T12:00:00Z"},
		{"the minute before", night, "Europe/Vienna", "2026-11-01T20:59:59Z", "2026-11-01T20:59:59Z"},
		{"the first minute", night, "Europe/Vienna", "2026-11-01T21:00:00Z", "2026-11-02T06:00:00Z"},
		{"before midnight", night, "Europe/Vienna", "2026-11-01T22:59:30Z", "2026-11-02T06:00:00Z"},
		{"after midnight", night, "Europe/Vienna", "2026-11-01T23:30:00Z", "2026-11-02T06:00:00Z"},
		{"the last minute", night, "Europe/Vienna", "2026-11-02T05:59:59Z", "2026-11-02T06:00:00Z"},
		{"the end", night, "Europe/Vienna", "2026-11-02T06:00:00Z", "2026-11-02T06:00:00Z"},
		{"within a day", noon, "Asia/Kolkata", "2026-11-01T06:45:00Z", "2026-11-01T08:00:00Z"},
		{"a day later by date", night, "Pacific/Auckland", "2026-11-01T09:30:00Z", "2026-11-01T18:00:00Z"},
		// clocks go forward from 02:00 to 03:00 on 29 March, and back from 03:00 to 02:00 on 25 October
		{"short night", night, "Europe/Vienna", "2026-03-28T21:30:00Z", "2026-03-29T05:00:00Z"},
		{"long night", night, "Europe/Vienna", "2026-10-24T20:30:00Z", "2026-10-25T06:00:00Z"},
		{"end in the hour that is left out", push.QuietHours{From: "22:00", To: "02:30"}, "Europe/Vienna", "2026-03-28T23:00:00Z", "2026-03-29T01:00:00Z"},
		{"end in the hour that comes twice", push.QuietHours{From: "22:00", To: "02:30"}, "Europe/Vienna", "2026-10-24T23:00:00Z", "2026-10-25T00:30:00Z"},
		{"hour that is left out", push.QuietHours{From: "02:00", To: "03:00"}, "Europe/Vienna", "2026-03-29T01:10:00Z", "2026-03-29T01:10:00Z"},
	}
	for _, test := range cases {
		zone, err := time.LoadLocation(test.zone)
		if err != nil {
			t.Fatal(err)
		}
		if got := test.hours.End(at(t, test.now), zone); !got.Equal(at(t, test.want)) {
			t.Errorf("%s: got %v, want %s", test.name, got.UTC().Format(time.RFC3339), test.want)
		}
	}
}

func at(t *testing.T, text string) time.Time {
	t.Helper()
	parsed, err := time.Parse(time.RFC3339, text)
	if err != nil {
		t.Fatal(err)
	}
	return parsed
}

// TestQuietHoursHoldBack has users for whom it is day and night at the same time.
func TestQuietHoursHoldBack(t *testing.T) {
	t.Parallel()
	// half past nine in the evening in Vienna, in the morning in Auckland
	now := clocktest.New(at(t, "2026-11-01T21:30:00Z"))
	app, p, s := newApp(t, push.Config{Clock: now})
	user := func(zone, token string) *core.Record {
		t.Helper()
		record, _ := pbtest.User(t, app, "users", map[string]any{"timezone": zone})
		fill(t, app, record, "fcm", provider.Target{Token: token})
		return record
	}
	user("Europe/Vienna", "vienna")
	user("Pacific/Auckland", "auckland")
	user("Middle-earth/Shire", "nowhere") // and so in the zone of the config
	if _, err := app.DB().NewQuery("UPDATE " + push.Collection + " SET timezone = 'Europe/Vienna' WHERE token = 'auckland'").Execute(); err != nil {
		t.Fatal(err)
	}
	p.Start()
	hours := &push.QuietHours{From: "22:00", To: "07:00"}
	id := send(t, app, p, push.Message{To: push.Everyone(), Title: "news", QuietHours: hours, TTL: time.Hour})
	await(t, p, id, "sending", map[string]int64{"pending": 1, "sent": 2})
	await(t, p, send(t, app, p, push.Message{To: push.Everyone(), Title: "fire", QuietHours: hours, High: true}), "done", map[string]int64{"sent": 3})

	pbtest.Eventually(t, patience, func() error {
		held, err := p.Deliveries(t.Context(), push.DeliveryQuery{Message: id, State: "pending"})
		if err == nil && (len(held) != 1 || !held[0].NextAt.Equal(at(t, "2026-11-02T06:00:00Z"))) {
			err = fmt.Errorf("got %+v, want one that is held until six", held)
		}
		return err
	})
	now.Set(at(t, "2026-11-02T05:59:00Z"))
	p.Wake()
	if err := p.Sweep(t.Context()); err != nil { // its hour begins in the morning
		t.Fatal(err)
	}
	held, err := p.Deliveries(t.Context(), push.DeliveryQuery{Message: id, State: "pending"})
	if err != nil || len(held) != 1 || held[0].Attempts != 0 {
		t.Fatalf("got %+v, error %v", held, err)
	}
	now.Set(at(t, "2026-11-02T06:00:00Z"))
	p.Wake()
	await(t, p, id, "done", map[string]int64{"sent": 3})
	calls := s.all()
	if last := calls[len(calls)-1]; last.to.Token != "vienna" || last.n.Title != "news" || last.n.TTL != time.Hour {
		t.Errorf("got %+v", last)
	}
}

func TestPick(t *testing.T) {
	t.Parallel()
	choices := map[string]string{"de": "German", "pt-BR": "Brazilian", "zh-Hant": "traditional"}
	for locale, want := range map[string]string{
		"de": "German", "de-AT": "German", "DE_ch": "German", "pt-br": "Brazilian", "pt": "", "pt-PT": "", "zh-Hant-TW": "traditional", "en": "", "": "",
	} {
		if got := push.Pick(choices, locale); got != want {
			t.Errorf("%q: got %q, want %q", locale, got, want)
		}
	}
}
