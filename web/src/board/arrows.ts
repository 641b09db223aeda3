/** Moves the focus from card to card: up and down in a column, left and right between columns. */
export function focusNeighbour(board: HTMLElement, key: string): boolean {
  const from = document.activeElement;
  const columns = [...board.querySelectorAll(".column")]
    .map((column) => [...column.querySelectorAll<HTMLElement>("[data-card]")].filter((card) => card.offsetParent !== null))
    .filter((cards) => cards.length > 0);
  const x = columns.findIndex((cards) => cards.includes(from as HTMLElement));
  const column = columns[x];
  if (!column) return false;
  const y = column.indexOf(from as HTMLElement);
  const next = {
    ArrowUp: column[y - 1],
    ArrowDown: column[y + 1],
    ArrowLeft: nearest(columns[x - 1], y),
    ArrowRight: nearest(columns[x + 1], y),
  }[key];
  next?.focus();
  next?.scrollIntoView({ block: "nearest", inline: "nearest" });
  return next !== undefined;
}

function nearest(cards: HTMLElement[] | undefined, y: number): HTMLElement | undefined {
  return cards?.[Math.min(y, cards.length - 1)];
}
