/** online: requests are answered. offline: the machine has no network. reconnecting: the server does not answer. */
export type ConnectionState = "online" | "offline" | "reconnecting";

const PROBE_EVERY = 3000;

/** Knows whether the server can be reached, from what becomes of requests and from the browser. */
export class Connection {
  private value: ConnectionState;
  private readonly listeners = new Set<() => void>();
  private probing: ReturnType<typeof setTimeout> | undefined;
  private readonly probe: () => Promise<boolean>;

  /** probe asks the server for a sign of life. */
  constructor(probe: () => Promise<boolean>) {
    this.probe = probe;
    this.value = navigator.onLine ? "online" : "offline";
    window.addEventListener("offline", () => this.set("offline"));
    window.addEventListener("online", () => this.lost());
  }

  get state(): ConnectionState {
    return this.value;
  }

  onChange(callback: () => void): () => void {
    this.listeners.add(callback);
    return () => this.listeners.delete(callback);
  }

  /** The server answered something. */
  reached(): void {
    clearTimeout(this.probing);
    this.probing = undefined;
    this.set("online");
  }

  /** The server did not answer. Asks it again until it does. */
  lost(): void {
    this.set(navigator.onLine ? "reconnecting" : "offline");
    if (this.probing !== undefined) return;
    this.probing = setTimeout(
      async () => {
        const alive = await this.probe();
        this.probing = undefined;
        if (alive) this.reached();
        else this.lost();
      },
      this.value === "offline" ? PROBE_EVERY : PROBE_EVERY / 3,
    );
  }

  private set(state: ConnectionState): void {
    if (state === this.value) return;
    this.value = state;
    for (const listener of this.listeners) listener();
  }
}
