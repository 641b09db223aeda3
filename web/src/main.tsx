import { render } from "preact";

import { App } from "./app.tsx";
import { DataProvider } from "./data/context.ts";
import { remoteData } from "./data/remote/remote.ts";
import "./styles/styles.css";

const root = document.getElementById("app");
if (root) {
  render(
    <DataProvider value={remoteData()}>
      <App />
    </DataProvider>,
    root,
  );
}
