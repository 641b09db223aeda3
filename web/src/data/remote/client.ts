import PocketBase from "pocketbase";

import { Connection } from "../connection.ts";
import { failureOf } from "../errors.ts";

/** The one SDK client, wired to the connection state that it feeds. */
export interface Remote {
  pb: PocketBase;
  connection: Connection;
}

export function connect(): Remote {
  const pb = new PocketBase(new URL(".", document.baseURI).href);
  // Screens keep only the newest of their own requests; two of them may well
  // ask for the same at once.
  pb.autoCancellation(false);

  const connection = new Connection(async () => {
    try {
      return (await fetch(pb.buildURL("/api/health"), { cache: "no-store" })).ok;
    } catch {
      return false;
    }
  });
  pb.beforeSend = (url, options) => {
    const send = options.fetch ?? fetch;
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
