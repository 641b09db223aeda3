import { render } from "preact";

import { App } from "./app.tsx";
import { DataProvider } from "./data/context.ts";
import { remoteData } from "./data/remote/remote.ts";
import { go } from "./router.ts";
import "./styles/styles.css";

// public/sw.js asks for the place that a clicked notification is about.
navigator.serviceWorker?.addEventListener("message", ({ data }: MessageEvent<{ type?: string; hash?: string }>) => {
  if (data.type === "open" && data.hash?.startsWith("#/")) go(data.hash);
});

const root = document.getElementById("app");
if (root) {
  render(
    <DataProvider value={remoteData()}>
      <App />
    </DataProvider>,
    root,
  );
}
