// Times come as UTC text and are shown in the organization's timezone, whatever
// the timezone of the machine.

const formatters = new Map<string, Intl.DateTimeFormat>();

function formatter(timezone: string, options: Intl.DateTimeFormatOptions): Intl.DateTimeFormat {
  const key = timezone + JSON.stringify(options);
  let found = formatters.get(key);
  if (!found) {
    found = new Intl.DateTimeFormat("en-GB", { ...options, timeZone: timezone });
    formatters.set(key, found);
  }
  return found;
}

/** The instant of PocketBase's text form, undefined for empty text. */
export function parseTime(text: string): Date | undefined {
  if (!text) return undefined;
  const at = new Date(text.replace(" ", "T"));
  return Number.isNaN(at.getTime()) ? undefined : at;
}

/** The day, YYYY-MM-DD, that an instant falls on in a timezone. */
export function dayOf(at: Date, timezone: string): string {
  const { year, month, day } = partsOf(at, timezone);
  return `${year}-${month}-${day}`;
}

/** Whether a text is a day of the calendar, YYYY-MM-DD; 2026-02-30 is none. */
export function isDay(text: string): boolean {
  const at = /^\d{4}-\d{2}-\d{2}$/.test(text) ? Date.parse(text + "T00:00:00Z") : NaN;
  return !Number.isNaN(at) && new Date(at).toISOString().slice(0, 10) === text;
}

/** The day that is a number of days after another. */
export function addDays(day: string, days: number): string {
  const at = new Date(day + "T00:00:00Z");
  at.setUTCDate(at.getUTCDate() + days);
  return at.toISOString().slice(0, 10);
}

/** "Today", "Tomorrow", "Yesterday" or "Wed 14 Jan", with the year when it is another one. */
export function dayLabel(day: string, today: string): string {
  if (day === today) return "Today";
  if (day === addDays(today, 1)) return "Tomorrow";
  if (day === addDays(today, -1)) return "Yesterday";
  const at = new Date(day + "T12:00:00Z");
  const text = formatter("UTC", { weekday: "short", day: "numeric", month: "short" }).format(at).replace(",", "");
  return day.slice(0, 4) === today.slice(0, 4) ? text : `${text} ${day.slice(0, 4)}`;
}

/** "14:05". */
export function clockLabel(at: Date, timezone: string): string {
  return formatter(timezone, { hour: "2-digit", minute: "2-digit", hourCycle: "h23" }).format(at);
}

/** "Today, 14:05". */
export function momentLabel(at: Date, timezone: string, now: Date): string {
  return `${dayLabel(dayOf(at, timezone), dayOf(now, timezone))}, ${clockLabel(at, timezone)}`;
}

/** "Today, 09:00–11:00", "" without a start. */
export function spanLabel(start: string, end: string, timezone: string, now: Date): string {
  const from = parseTime(start);
  if (!from) return "";
  const to = parseTime(end);
  const first = momentLabel(from, timezone, now);
  if (!to) return first;
  const sameDay = dayOf(from, timezone) === dayOf(to, timezone);
  return sameDay ? `${first}–${clockLabel(to, timezone)}` : `${first} – ${momentLabel(to, timezone, now)}`;
}

/** The value of an input of type datetime-local for an instant, "" for none. */
export function toLocalInput(text: string, timezone: string): string {
  const at = parseTime(text);
  if (!at) return "";
  const { year, month, day, hour, minute } = partsOf(at, timezone);
  return `${year}-${month}-${day}T${hour}:${minute}`;
}

/**
 * The instant, as ISO text, of a datetime-local value in a timezone. A time that
 * the clocks skip becomes the one as far after the gap; of a time that
 * happens twice it is the first.
 */
export function fromLocalInput(value: string, timezone: string): string {
  // Date.parse makes a date of almost anything, so the form is checked first.
  if (!/^\d{4}-\d{2}-\d{2}T\d{2}:\d{2}$/.test(value)) return "";
  const wall = Date.parse(value + ":00Z");
  if (Number.isNaN(wall)) return "";
  // The offset is that of the instant itself, which is not known yet, so the
  // offsets half a day before and after are the two candidates.
  const before = offsetAt(wall - 12 * HOUR, timezone);
  const after = offsetAt(wall + 12 * HOUR, timezone);
  for (const offset of [before, after]) {
    if (offsetAt(wall - offset, timezone) === offset) return new Date(wall - offset).toISOString();
  }
  return new Date(wall - before).toISOString();
}

const MINUTE = 60_000;
const HOUR = 60 * MINUTE;
const DAY = 24 * HOUR;

/** "45 min", "3 h", "2 d": a length of time in its largest useful unit. */
export function lengthLabel(milliseconds: number): string {
  if (milliseconds < HOUR) return `${Math.max(1, Math.round(milliseconds / MINUTE))} min`;
  if (milliseconds < 2 * DAY) return `${Math.round(milliseconds / HOUR)} h`;
  return `${Math.round(milliseconds / DAY)} d`;
}

function partsOf(at: Date, timezone: string): Record<"year" | "month" | "day" | "hour" | "minute" | "second", string> {
  const parts = formatter(timezone, {
    year: "numeric",
    month: "2-digit",
    day: "2-digit",
    hour: "2-digit",
    minute: "2-digit",
    second: "2-digit",
    hourCycle: "h23",
  }).formatToParts(at);
  const named: Record<string, string> = {};
  for (const part of parts) named[part.type] = part.value;
  return named as ReturnType<typeof partsOf>;
}

/** How far a timezone's wall clock is ahead of UTC at an instant, in milliseconds. */
function offsetAt(instant: number, timezone: string): number {
  const { year, month, day, hour, minute, second } = partsOf(new Date(instant), timezone);
  const wall = Date.parse(`${year}-${month}-${day}T${hour}:${minute}:${second}Z`);
  return wall - Math.floor(instant / 1000) * 1000;
}
