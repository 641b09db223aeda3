import assert from "node:assert/strict";
import { test } from "node:test";

import { addDays, dayLabel, dayOf, fromLocalInput, isDay, lengthLabel, parseTime, spanLabel, toLocalInput } from "../src/domain/time.ts";

const BERLIN = "Europe/Berlin";

test("a time is read from PocketBase's text form", () => {
  assert.equal(parseTime("2026-03-01 09:30:00.000Z")?.toISOString(), "2026-03-01T09:30:00.000Z");
  assert.equal(parseTime(""), undefined);
  assert.equal(parseTime("soon"), undefined);
});

test("an instant's day is that of the timezone, not of the machine", () => {
  const at = new Date("2026-01-31T23:30:00Z");
  assert.equal(dayOf(at, "UTC"), "2026-01-31");
  assert.equal(dayOf(at, BERLIN), "2026-02-01");
  assert.equal(dayOf(at, "America/New_York"), "2026-01-31");
});

test("only what stands in the calendar is a day", () => {
  const days = ["2026-01-31", "2028-02-29", "2026-13-45", "2026-02-29", "2026-1-1", "2026-01-01T00:00", "soon", ""];
  assert.deepEqual(days.filter(isDay), ["2026-01-31", "2028-02-29"]);
});

test("days are counted across months and years", () => {
  assert.equal(addDays("2026-12-31", 1), "2027-01-01");
  assert.equal(addDays("2028-03-01", -1), "2028-02-29");
});

test("a day is named by its distance from today", () => {
  const cases: [day: string, want: string][] = [
    ["2026-01-14", "Today"],
    ["2026-01-15", "Tomorrow"],
    ["2026-01-13", "Yesterday"],
    ["2026-01-20", "Tue 20 Jan"],
    ["2025-12-30", "Tue 30 Dec 2025"],
  ];
  for (const [day, want] of cases) assert.equal(dayLabel(day, "2026-01-14"), want, day);
});

test("a span names its day once", () => {
  const now = new Date("2026-01-14T08:00:00Z");
  assert.equal(spanLabel("2026-01-14 08:00:00.000Z", "2026-01-14 10:00:00.000Z", BERLIN, now), "Today, 09:00–11:00");
  assert.equal(spanLabel("2026-01-14 22:00:00.000Z", "2026-01-15 01:00:00.000Z", BERLIN, now), "Today, 23:00 – Tomorrow, 02:00");
  assert.equal(spanLabel("2026-01-14 08:00:00.000Z", "", BERLIN, now), "Today, 09:00");
  assert.equal(spanLabel("", "", BERLIN, now), "");
});

test("what is typed in the organization's time becomes an instant", () => {
  const cases: [name: string, value: string, zone: string, want: string][] = [
    ["winter", "2026-01-14T09:00", BERLIN, "2026-01-14T08:00:00.000Z"],
    ["summer", "2026-07-14T09:00", BERLIN, "2026-07-14T07:00:00.000Z"],
    ["west", "2026-01-14T09:00", "America/New_York", "2026-01-14T14:00:00.000Z"],
    ["half hours", "2026-01-14T09:00", "Asia/Kolkata", "2026-01-14T03:30:00.000Z"],
    ["an hour that the clocks skip", "2026-03-29T02:30", BERLIN, "2026-03-29T01:30:00.000Z"],
    ["an hour that comes twice", "2026-10-25T02:30", BERLIN, "2026-10-25T00:30:00.000Z"],
    ["the hour after the gap", "2026-03-29T03:00", BERLIN, "2026-03-29T01:00:00.000Z"],
    ["nothing", "", BERLIN, ""],
    ["nonsense", "soon", BERLIN, ""],
  ];
  for (const [name, value, zone, want] of cases) assert.equal(fromLocalInput(value, zone), want, name);
});

test("an input shows the instant that it was filled with", () => {
  for (const zone of [BERLIN, "America/New_York", "Asia/Kolkata", "Australia/Lord_Howe"]) {
    for (const month of ["01", "04", "07", "10"]) {
      const at = `2026-${month}-05T10:45:00.000Z`;
      assert.equal(fromLocalInput(toLocalInput(at, zone), zone), at, zone);
    }
  }
});

test("a length of time is said in one unit", () => {
  assert.equal(lengthLabel(20_000), "1 min");
  assert.equal(lengthLabel(45 * 60_000), "45 min");
  assert.equal(lengthLabel(3 * 3600_000), "3 h");
  assert.equal(lengthLabel(30 * 3600_000), "30 h");
  assert.equal(lengthLabel(72 * 3600_000), "3 d");
});
