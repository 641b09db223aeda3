import PocketBase from "pocketbase";

import { Connection } from "../connection.ts";
import { failureOf } from "../errors.ts";
import type { TypedPocketBase } from "../types.gen.ts";

/** The one SDK client, wired to the connection state that it feeds. */
export interface Remote {
  pb: TypedPocketBase;
  connection: Connection;
}

/**
 * How long a request may take until it counts as unanswered. A connection that has
 * died without a word would hold it for minutes. Files take longer than the rest.
 */
const PATIENCE = 15_000;
const PATIENCE_WITH_FILES = 60_000;
const PATIENCE_OF_PROBE = 5000;

export function connect(): Remote {
  const pb = new PocketBase(new URL(".", document.baseURI).href) as TypedPocketBase;
  // Screens keep only the newest of their own requests; two of them may well
  // ask for the same at once.
  pb.autoCancellation(false);

  const connection = new Connection(async () => {
    try {
      return (await fetch(pb.buildURL("/api/health"), { cache: "no-store", signal: AbortSignal.timeout(PATIENCE_OF_PROBE) })).ok;
    } catch {
      return false;
    }
  });
  pb.beforeSend = (url, options) => {
    const send = options.fetch ?? fetch;
    // The SDK looks at the signal, too, so that an answer that stops in its middle is none. An upload
    // with its own way of sending knows when it has come to a halt.
    if (!options.fetch) options.signal = limited(options.signal, options.body instanceof FormData ? PATIENCE_WITH_FILES : PATIENCE);
    options.fetch = async (input, init) => {
      const response = await watched(connection, () => send(input, init));
      // The sign-in has expired or was revoked: back to the sign-in screen.
      if (response.status === 401 && pb.authStore.token) pb.authStore.clear();
      return response;
    };
    return { url, options };
  };
  return { pb, connection };
}

function limited(given: AbortSignal | null | undefined, patience: number): AbortSignal {
  const timeout = AbortSignal.timeout(patience);
  if (!given) return timeout;
  const either = new AbortController();
  for (const signal of [given, timeout]) signal.addEventListener("abort", () => either.abort(signal.reason));
  if (given.aborted) either.abort(given.reason);
  return either.signal;
}

async function watched(connection: Connection, send: () => Promise<Response>): Promise<Response> {
  try {
    const response = await send();
    connection.reached();
    return response;
  } catch (error) {
    if (!(error instanceof DOMException && error.name === "AbortError")) connection.lost();
    throw error;
  }
}

/** Runs a request; what it throws becomes a Failure. */
export async function ask<T>(request: () => Promise<T>): Promise<T> {
  try {
    return await request();
  } catch (error) {
    throw failureOf(error);
  }
}
