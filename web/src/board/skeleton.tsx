import { STATUSES, STATUS_LABEL } from "../domain/status.ts";

const CARDS = [3, 4, 2, 2, 4, 0];

/** The board's shape while it is being read. */
export function BoardSkeleton() {
  return (
    <div class="board-layout" role="status">
      <span class="visually-hidden">Loading the board</span>
      <div class="board" aria-hidden="true">
        {STATUSES.slice(0, 5).map((status, index) => (
          <div class="column" key={status}>
            <div class="column-head">
              <span class="column-label">{STATUS_LABEL[status]}</span>
            </div>
            <div class="column-cards">
              {Array.from({ length: CARDS[index] ?? 0 }, (_, card) => (
                <div key={card} class="card skeleton">
                  <span class="skeleton-line" style={{ width: "40%" }} />
                  <span class="skeleton-line" style={{ width: "95%" }} />
                  <span class="skeleton-line" style={{ width: "70%" }} />
                </div>
              ))}
            </div>
          </div>
        ))}
      </div>
    </div>
  );
}
