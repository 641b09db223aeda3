import { ClientResponseError } from "pocketbase";

/** Why a request to the backend did not do what was asked, in words for the user. */
export class Failure extends Error {
  /** Sentences by field name, for the fields that the server refused. */
  readonly fields: Readonly<Record<string, string>>;
  /** The HTTP status, 0 when no answer came. */
  readonly status: number;
  /** The server's own code, where it gave one. */
  readonly code: string;

  constructor(message: string, status: number, fields: Record<string, string> = {}, code = "") {
    super(message);
    this.name = "Failure";
    this.status = status;
    this.fields = fields;
    this.code = code;
  }

  /** Whether the same request may succeed later without any change to it. */
  get transient(): boolean {
    return this.status === 0 || this.status === 429 || this.status >= 500;
  }

  /** The most telling sentences: those about fields if there are any. */
  get sentence(): string {
    const fields = Object.values(this.fields);
    return fields.length > 0 ? fields.join(" ") : this.message;
  }
}

/** Makes a Failure of whatever was thrown. */
export function failureOf(thrown: unknown): Failure {
  if (thrown instanceof Failure) return thrown;
  if (!(thrown instanceof ClientResponseError)) {
    return new Failure("Something went wrong in this app. Reload the page and try again.", -1);
  }
  if (thrown.status === 0) {
    return new Failure("The server cannot be reached. Check your connection and try again.", 0);
  }
  const response = thrown.response as { message?: unknown; code?: unknown; data?: unknown };
  const message = typeof response.message === "string" && response.message ? response.message : "";
  return new Failure(message || statusSentence(thrown.status), thrown.status, fieldSentences(response.data), codeOf(response));
}

function fieldSentences(data: unknown): Record<string, string> {
  const sentences: Record<string, string> = {};
  if (!data || typeof data !== "object") return sentences;
  for (const [field, detail] of Object.entries(data)) {
    const message = (detail as { message?: unknown } | null)?.message;
    if (typeof message === "string") sentences[field] = message;
  }
  return sentences;
}

function codeOf(response: { code?: unknown; data?: unknown }): string {
  if (typeof response.code === "string") return response.code;
  const code = (response.data as { code?: unknown } | null | undefined)?.code;
  return typeof code === "string" ? code : "";
}

function statusSentence(status: number): string {
  if (status === 403) return "You are not allowed to do this.";
  if (status === 404) return "This is not there, or not for you to see.";
  if (status === 429) return "Too many requests. Wait a moment and try again.";
  return "The server could not do this. Try again in a moment.";
}
