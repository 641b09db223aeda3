import type { ComponentChildren } from "preact";
import { useErrorBoundary } from "preact/hooks";

import { failureOf } from "../data/errors.ts";
import { Failed } from "./states.tsx";

/** Shows what failed instead of an empty page when something below cannot be drawn. */
export function Boundary({ children }: { children: ComponentChildren }) {
  const [error, reset] = useErrorBoundary((thrown) => console.error(thrown));
  if (error === undefined) return <>{children}</>;
  return (
    <div class="page narrow">
      <Failed failure={failureOf(error)} onRetry={reset} />
    </div>
  );
}
