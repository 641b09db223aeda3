import type { ComponentChildren } from "preact";

import { Brand } from "../ui/marks.tsx";

/** The frame of the screens before the app: what this is on one side, the form on the other. */
export function Welcome({ title, lead, children }: { title: string; lead?: ComponentChildren; children: ComponentChildren }) {
  return (
    <div class="welcome">
      <header class="welcome-side">
        <p class="welcome-brand">
          <Brand size={36} />
          Holdall
        </p>
        <div class="welcome-pitch">
          <p class="welcome-claim">Every job, from the first call to the signature.</p>
          <p>Dispatchers plan on one live board. Technicians carry their day in a pocket.</p>
        </div>
        <Route />
      </header>
      <main class="welcome-main" id="main" tabIndex={-1}>
        <div class="welcome-form">
          <h1>{title}</h1>
          {lead && <p class="lead">{lead}</p>}
          {children}
        </div>
      </main>
    </div>
  );
}

/** An order's way through its day, drawn. */
function Route() {
  return (
    <svg class="welcome-route" viewBox="0 0 420 240" aria-hidden="true">
      <path d="M20 210C90 210 70 120 140 120s60 70 130 70 50-120 130-150" class="route-line" />
      <path d="M20 210C90 210 70 120 140 120s60 70 130 70" class="route-done" />
      <circle cx="20" cy="210" r="9" class="route-stop" />
      <circle cx="140" cy="120" r="9" class="route-stop" />
      <circle cx="270" cy="190" r="13" class="route-here" />
      <circle cx="400" cy="40" r="9" class="route-next" />
    </svg>
  );
}
