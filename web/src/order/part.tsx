import { createContext, type ComponentChildren } from "preact";
import { useContext, useId } from "preact/hooks";

const Level = createContext<"h2" | "h3">("h2");

/** Says at which level the headings of parts stand: below a page's title, or below a dialog's. */
export const PartLevel = Level.Provider;

interface Props {
  title: string;
  /** Stands beside the title and is no part of the section's name. */
  beside?: ComponentChildren;
  children: ComponentChildren;
}

/** One part of an order's details, with its heading. */
export function Part({ title, beside, children }: Props) {
  const Heading = useContext(Level);
  const id = useId();
  return (
    <section class="part" aria-labelledby={id}>
      <div class="part-head">
        <Heading id={id}>{title}</Heading>
        {beside}
      </div>
      {children}
    </section>
  );
}
