import { useEffect, useState } from "preact/hooks";

/** Where the app is: the address's part after "#", so that any file server can serve the page. */
export interface Location {
  path: string[];
  query: URLSearchParams;
}

export function locationOf(hash: string): Location {
  const [path = "", query = ""] = hash.replace(/^#/, "").split("?", 2);
  return {
    path: path.split("/").filter(Boolean).map(decode),
    query: new URLSearchParams(query),
  };
}

export function href(path: readonly string[], query?: URLSearchParams): string {
  const text = query?.toString();
  return "#/" + path.map(encodeURIComponent).join("/") + (text ? "?" + text : "");
}

export function go(to: string): void {
  window.location.hash = to;
}

/** Goes somewhere without leaving the present place in the history. */
export function replace(to: string): void {
  window.history.replaceState(null, "", to);
  window.dispatchEvent(new HashChangeEvent("hashchange"));
}

/**
 * Replaces the place that was found to be wrong, unless somebody has gone
 * elsewhere since: the address changes before its listeners hear of it.
 */
export function replaceIfAt(wrong: Location, to: string): void {
  if (href(wrong.path) === href(locationOf(window.location.hash).path)) replace(to);
}

export function useLocation(): Location {
  const [hash, setHash] = useState(window.location.hash);
  useEffect(() => {
    const listener = () => setHash(window.location.hash);
    // It may have changed before there was anybody to hear it.
    listener();
    window.addEventListener("hashchange", listener);
    return () => window.removeEventListener("hashchange", listener);
  }, []);
  return locationOf(hash);
}

function decode(part: string): string {
  try {
    return decodeURIComponent(part);
  } catch {
    return part;
  }
}
