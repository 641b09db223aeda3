// The service worker of the web app: it shows what the server pushes, also when
// no page is open. It keeps no copies of pages.

self.addEventListener("install", () => self.skipWaiting());
self.addEventListener("activate", (event) => event.waitUntil(self.clients.claim()));

self.addEventListener("push", (event) => event.waitUntil(show(read(event.data))));

self.addEventListener("notificationclick", (event) => {
  const { id, link } = event.notification.data;
  event.notification.close();
  event.waitUntil(Promise.all([tell(id, "opened"), open(link)]));
});

/** What came, or, if it cannot be read, that something came: browsers insist on a notification. */
function read(data) {
  try {
    return data.json();
  } catch {
    return { title: "Holdall", body: "There is news." };
  }
}

async function show({ id, title = "Holdall", body = "", image, tag, link = "", badge }) {
  if (badge === 0) await self.navigator.clearAppBadge?.();
  else if (badge) await self.navigator.setAppBadge?.(badge);
  await self.registration.showNotification(title, {
    body,
    image,
    tag,
    // the last of a kind replaces the one before, and is heard all the same
    renotify: Boolean(tag),
    data: { id, link },
  });
  await tell(id, "shown");
}

/** Tells the server what became of a notification. It can do without. */
async function tell(id, event) {
  if (!id) return;
  const headers = { "Content-Type": "application/json" };
  await fetch("api/push/receipts", { method: "POST", headers, body: JSON.stringify({ receipt: id, event }) }).catch(() => {});
}

/** Shows the place in a page that is open, else in a new one. Links to elsewhere are not followed. */
async function open(link) {
  const target = new URL(link, self.registration.scope);
  if (target.origin !== self.location.origin) return;
  const windows = await self.clients.matchAll({ type: "window", includeUncontrolled: true });
  // of the app, not of whatever else the server has, such as the dashboard
  const pages = windows.filter(({ url }) => new URL(url).pathname === target.pathname);
  const page = pages.find((client) => client.focused) ?? pages[0];
  if (!page) {
    await self.clients.openWindow(target.href);
    return;
  }
  await page.focus().catch(() => {});
  page.postMessage({ type: "open", hash: target.hash });
}
