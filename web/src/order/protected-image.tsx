import { useEffect, useState } from "preact/hooks";

import { useConnection } from "../data/context.ts";

/** How often an address that leads nowhere is asked for anew before the connection has to change. */
const ATTEMPTS = 3;

interface Props {
  /** Names what is shown; another name, another picture. */
  of: string;
  /** Asks for an address, which holds for a few minutes. */
  read: () => Promise<string>;
  alt: string;
}

/**
 * A picture whose address carries a token. The token may be over by the time that the browser
 * comes to load the picture, so an address that fails is renewed, and again after a break of the connection.
 */
export function ProtectedImage({ of, read, alt }: Props) {
  const connection = useConnection();
  const [{ url, attempt }, setState] = useState({ url: "", attempt: 0 });

  const load = (next: number) => {
    let current = true;
    read().then(
      (found) => current && setState({ url: found, attempt: next }),
      () => current && setState({ url: "", attempt: ATTEMPTS }),
    );
    return () => {
      current = false;
    };
  };
  useEffect(() => load(0), [of]);
  useEffect(() => {
    if (connection === "online" && attempt >= ATTEMPTS) return load(0);
    return undefined;
  }, [connection]);

  if (!url || attempt >= ATTEMPTS) return <span class="photo-pending">{alt}</span>;
  return (
    <img
      // The same address is loaded again only by another element.
      key={attempt}
      src={url}
      alt={alt}
      loading="lazy"
      onError={() => (attempt + 1 < ATTEMPTS ? void load(attempt + 1) : setState({ url: "", attempt: ATTEMPTS }))}
    />
  );
}
