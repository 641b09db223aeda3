import { useState } from "preact/hooks";

import type { Belonging, User } from "../data/types.ts";
import { isOffice } from "../domain/status.ts";
import { OrderForm } from "../order/form.tsx";
import { OrderPanel, type PanelPart } from "../order/panel.tsx";
import { Icon } from "../ui/icon.tsx";
import { Failed } from "../ui/states.tsx";
import { useTitle } from "../ui/title.ts";
import { announce } from "../ui/toast.tsx";
import { focusNeighbour } from "./arrows.ts";
import { FilterBar } from "./filter-bar.tsx";
import { ShortcutHelp, useShortcuts } from "./shortcuts.tsx";
import { BoardSkeleton } from "./skeleton.tsx";
import { StatusTabs } from "./status-tabs.tsx";
import { useBoard } from "./use-board.ts";
import { usePlace } from "./use-place.ts";
import { BoardView } from "./view.tsx";

interface Props {
  user: User;
  belonging: Belonging;
  /** The order whose details are open. */
  order: string | undefined;
}

type OpenDialog = "new" | "help" | undefined;

/** The dispatcher's board. Viewers see the same and change nothing. */
export function BoardScreen({ user, belonging, order }: Props) {
  const { organization, role } = belonging;
  useTitle(`Board · ${organization.name}`);
  const place = usePlace(organization.slug, order);
  const model = useBoard(organization, place.filter);
  const [part, setPart] = useState<PanelPart>();
  const [dialog, setDialog] = useState<OpenDialog>();
  const [board, setBoard] = useState<HTMLElement | null>(null);
  const office = isOffice(role);
  const columns = model.columns;

  const openFocused = (at: PanelPart) => {
    const id = focusedCard();
    if (!id) return false;
    setPart(at);
    place.open(id);
    return true;
  };
  const close = () => {
    setPart(undefined);
    place.close();
    // The card may have moved, so that the element that had the focus is gone.
    requestAnimationFrame(() => board?.querySelector<HTMLElement>(`[data-card="${order}"]`)?.focus());
  };
  useShortcuts({
    "?": () => setDialog("help"),
    "/": () => document.getElementById("board-search")?.focus(),
    ...Object.fromEntries(ARROWS.map((key) => [key, () => board !== null && focusNeighbour(board, key)])),
    ...(office ? { n: () => setDialog("new"), a: () => openFocused("assign"), m: () => openFocused("move") } : {}),
  });

  return (
    <>
      <div class="board-bar">
        <h1 class="visually-hidden">Board</h1>
        <FilterBar filter={place.filter} people={model.technicians} timezone={organization.timezone} onFilter={place.setFilter} />
        <Actions office={office} onDialog={setDialog} />
      </div>

      {columns && model.failure && (
        <p class="board-stale" role="status">
          <Icon name="alert" size={16} /> This may be old: {model.failure.sentence}
        </p>
      )}
      {!columns && (model.failure ? <Failed failure={model.failure} onRetry={() => void model.load()} /> : <BoardSkeleton />)}
      {columns && <StatusTabs columns={columns} board={board} />}
      {columns && (
        <BoardView
          model={model}
          columns={columns}
          belonging={belonging}
          place={place}
          boardRef={setBoard}
          onNew={() => setDialog("new")}
        />
      )}

      {order && (
        <OrderPanel
          key={order}
          id={order}
          user={user}
          belonging={belonging}
          people={model.people}
          part={part}
          onChanged={(changed) => model.put(changed)}
          onRemoved={() => {
            void model.load();
            close();
          }}
          onClose={close}
        />
      )}
      {dialog === "new" && (
        <OrderForm
          belonging={belonging}
          people={model.people}
          onSaved={(saved) => {
            model.put(saved);
            announce(`#${saved.number} saved.`);
          }}
          onClose={() => setDialog(undefined)}
        />
      )}
      {dialog === "help" && <ShortcutHelp onClose={() => setDialog(undefined)} />}
    </>
  );
}

const ARROWS = ["ArrowUp", "ArrowDown", "ArrowLeft", "ArrowRight"];

function focusedCard(): string | undefined {
  return document.activeElement?.closest<HTMLElement>("[data-card]")?.dataset.card;
}

function Actions({ office, onDialog }: { office: boolean; onDialog: (dialog: OpenDialog) => void }) {
  return (
    <div class="board-actions">
      <button
        type="button"
        class="button quiet icon-only"
        aria-label="Keyboard shortcuts"
        title="Keyboard shortcuts (?)"
        onClick={() => onDialog("help")}
      >
        <Icon name="help" />
      </button>
      {office && (
        <button type="button" class="button primary" onClick={() => onDialog("new")}>
          <Icon name="plus" />
          New order
        </button>
      )}
    </div>
  );
}
