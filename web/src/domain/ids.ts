const LETTERS = "abcdefghijklmnopqrstuvwxyz0123456789";

/**
 * An id for a record that is to be made. Whoever chooses it before asking can ask
 * again after a lost answer without making a second record.
 */
export function newId(): string {
  return Array.from(crypto.getRandomValues(new Uint8Array(15)), (byte) => LETTERS[byte % LETTERS.length]).join("");
}
