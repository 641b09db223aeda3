import type { Notifications } from "../contract.ts";
import { Failure } from "../errors.ts";
import { api, type Subscription } from "../types.gen.ts";
import { ask, type Remote } from "./client.ts";

/** Where it is noted that a user wants notifications on this device. */
const WANTED = "holdall.notify.";

/** Notifications by Web Push, shown by the service worker in public/sw.js. */
export function remoteNotifications({ pb }: Remote): Notifications {
  const supported = "serviceWorker" in navigator && "PushManager" in window && "Notification" in window;
  let key: Promise<Uint8Array<ArrayBuffer> | undefined> | undefined;

  // However a sign-in ends (also in another tab, or as the server refuses it), its notifications end here,
  // so that the next user of the browser does not read them.
  let { token, record } = pb.authStore;
  let left: Promise<void> = Promise.resolve();
  pb.authStore.onChange(() => {
    const before = { token, user: record?.id };
    ({ token, record } = pb.authStore);
    if (before.user && before.user !== record?.id) left = leave(before.token).catch(() => undefined);
  });

  /** Ends them on this device until the user of the token comes back. */
  async function leave(of: string): Promise<void> {
    const old = supported ? await subscription() : null;
    if (!old) return;
    await old.unsubscribe();
    // Not by the SDK, which may hold somebody else's token by now. Without a network, or when the token is
    // no longer good, the server finds out when it next sends: the subscription has gone.
    await fetch(pb.buildURL("/api/push/devices/forget"), {
      method: "POST",
      headers: { Authorization: of, "Content-Type": "application/json" },
      body: JSON.stringify({ endpoint: old.endpoint }),
      keepalive: true,
    }).catch(() => undefined);
  }

  /** The server's public key, undefined when it does not push. */
  function serverKey() {
    key ??= api(pb).push.getVapidKey().then(
      ({ publicKey }) => bytesOf(publicKey),
      (error: { status?: number }) => {
        if (error.status !== 404) key = undefined; // it may work the next time
        return undefined;
      },
    );
    return key;
  }

  function wanted(): string {
    return WANTED + (pb.authStore.record?.id ?? "");
  }

  async function subscription(): Promise<PushSubscription | null> {
    const worker = await navigator.serviceWorker.getRegistration();
    return (await worker?.pushManager.getSubscription()) ?? null;
  }

  /** Subscribes this browser and tells the server whose it is. */
  async function register(): Promise<void> {
    await left; // which would end what is begun here
    const applicationServerKey = await serverKey();
    if (!applicationServerKey) throw new Failure("The server sends no notifications at the moment.", 0);
    await navigator.serviceWorker.register("./sw.js");
    const worker = await navigator.serviceWorker.ready;
    const old = await worker.pushManager.getSubscription();
    if (old && !sameBytes(old.options.applicationServerKey, applicationServerKey)) await old.unsubscribe();
    const made = await worker.pushManager.subscribe({ userVisibleOnly: true, applicationServerKey }).catch(() => {
      throw new Failure("The browser could not subscribe to notifications. Try again later.", -1);
    });
    await ask(() =>
      api(pb).push.devices({
        subscription: made.toJSON() as unknown as Subscription, // whose keys it always has
        platform: "web",
        locale: navigator.language,
        timezone: Intl.DateTimeFormat().resolvedOptions().timeZone,
      }),
    );
  }

  return {
    async state() {
      if (!supported || !(await serverKey())) return "unsupported";
      if (Notification.permission === "denied") return "denied";
      if (Notification.permission !== "granted" || !localStorage.getItem(wanted())) return "off";
      return (await subscription()) ? "on" : "off";
    },

    async turnOn() {
      if ((await Notification.requestPermission()) !== "granted") {
        throw new Failure("The browser does not allow notifications. Its settings for this site can change that.", -1);
      }
      await register();
      localStorage.setItem(wanted(), "yes");
    },

    async turnOff() {
      localStorage.removeItem(wanted());
      const old = await subscription();
      await old?.unsubscribe();
      if (old) await ask(() => api(pb).push.devicesForget({ endpoint: old.endpoint }));
    },

    async resume() {
      if (!supported || !pb.authStore.isValid || Notification.permission !== "granted" || !localStorage.getItem(wanted())) return;
      await register().catch(() => undefined); // the next start tries again
    },
  };
}

function bytesOf(base64url: string): Uint8Array<ArrayBuffer> {
  const binary = atob(base64url.replaceAll("-", "+").replaceAll("_", "/"));
  return Uint8Array.from(binary, (character) => character.charCodeAt(0));
}

function sameBytes(a: ArrayBuffer | null, b: Uint8Array): boolean {
  if (!a || a.byteLength !== b.length) return false;
  return new Uint8Array(a).every((byte, i) => byte === b[i]);
}
