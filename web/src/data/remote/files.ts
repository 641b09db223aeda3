import type PocketBase from "pocketbase";

/** File tokens live for about three minutes; one is used for less, so that a slow request still passes. */
const KEEP = 100_000;

/** Returns a source of tokens for protected files, one token shared by requests that come close together. */
export function fileTokens(pb: PocketBase): () => Promise<string> {
  let current: { token: Promise<string>; until: number; of: string } | undefined;

  return () => {
    const of = pb.authStore.token;
    if (!current || current.of !== of || current.until < Date.now()) {
      const token = pb.files.getToken();
      current = { token, until: Date.now() + KEEP, of };
      token.catch(() => (current = undefined));
    }
    return current.token;
  };
}
