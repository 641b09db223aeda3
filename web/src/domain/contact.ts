import type { Site } from "../data/types.ts";

/** The first telephone number in a contact's free text, as a tel: address takes it, "" for none. */
export function phoneIn(contact: string): string {
  const found = /\+?\d[\d ()/.-]{4,}\d/.exec(contact)?.[0] ?? "";
  return found.replace(/[^\d+]/g, "");
}

/** The contact's text without its telephone number. */
export function contactName(contact: string): string {
  return contact.replace(/\+?\d[\d ()/.-]{4,}\d/, "").replace(/^[\s,;:()·–-]+|[\s,;:()·–-]+$/g, "");
}

/** An address that opens the device's own map; a pin where the place is known, else a search. */
export function mapLink(site: Pick<Site, "name" | "address" | "location">): string {
  const at = site.location;
  if (at && (at.lat !== 0 || at.lon !== 0)) {
    return `geo:${at.lat},${at.lon}?q=${at.lat},${at.lon}(${encodeURIComponent(site.name)})`;
  }
  return `geo:0,0?q=${encodeURIComponent(site.address || site.name)}`;
}

/** The same place on a map in the browser, for devices without a map of their own. */
export function webMapLink(site: Pick<Site, "name" | "address" | "location">): string {
  const at = site.location;
  if (at && (at.lat !== 0 || at.lon !== 0)) {
    return `https://www.openstreetmap.org/?mlat=${at.lat}&mlon=${at.lon}#map=17/${at.lat}/${at.lon}`;
  }
  return `https://www.openstreetmap.org/search?query=${encodeURIComponent(site.address || site.name)}`;
}
