import type { Belonging, User, WorkOrder } from "../data/types.ts";
import { progress } from "../domain/checklist.ts";
import { groupByDay } from "../domain/days.ts";
import { dueState } from "../domain/sla.ts";
import { isFinal } from "../domain/status.ts";
import { clockLabel, dayLabel, dayOf, parseTime } from "../domain/time.ts";
import { countText } from "../order/unsent.tsx";
import { useOutbox } from "../order/use-outbox.tsx";
import { href } from "../router.ts";
import { Icon } from "../ui/icon.tsx";
import type { LiveList } from "../ui/list.ts";
import { PriorityMark, ProgressMark, StatusBadge } from "../ui/marks.tsx";
import { useNow } from "../ui/now.ts";
import { Empty, Failed, Skeleton } from "../ui/states.tsx";
import { useTitle } from "../ui/title.ts";

interface Props {
  user: User;
  belonging: Belonging;
  day: LiveList<WorkOrder>;
}

export function DayList({ user, belonging, day }: Props) {
  useTitle("My day");
  const now = useNow();
  const { timezone, slug } = belonging.organization;
  const outbox = useOutbox();
  const unsentOf = (id: string) => {
    const { changes, photos } = outbox.counts(id);
    return countText(changes, photos);
  };
  const groups = day.rows && groupByDay(day.rows, timezone, now);
  const open = day.rows?.filter((order) => !isFinal(order.status) && isToday(order, timezone, now)).length ?? 0;

  return (
    <div class="day">
      <header class="day-head">
        <h1>
          {greeting(now, timezone)}
          {user.name && `, ${user.name.split(" ")[0]}`}
        </h1>
        {groups && (
          <p>{open === 0 ? "Nothing is waiting for you today." : `${open} ${open === 1 ? "order" : "orders"} to do today.`}</p>
        )}
      </header>
      {!groups &&
        (day.failure ? (
          <Failed failure={day.failure} onRetry={day.reload} />
        ) : (
          <Skeleton lines={8} label="Loading your orders" />
        ))}
      {groups && day.failure && (
        <p class="board-stale" role="status">
          <Icon name="alert" size={16} /> This may be old: {day.failure.sentence}
        </p>
      )}
      {groups?.length === 0 && (
        <Empty icon="calendar" title="No orders are assigned to you.">
          <p class="hint">New ones appear here by themselves.</p>
        </Empty>
      )}
      {groups?.map((group) => (
        <section key={group.key} aria-labelledby={`day-${group.key}`} data-group={group.key.slice(2)}>
          <h2 id={`day-${group.key}`}>
            {group.label} <span class="count">{group.orders.length}</span>
          </h2>
          <ul class="day-orders">
            {group.orders.map((order) => (
              <li key={order.id}>
                <OrderTile
                  order={order}
                  timezone={timezone}
                  now={now}
                  dated={!group.key.startsWith("2-")}
                  unsent={unsentOf(order.id)}
                  href={href(["o", slug, "day", order.id])}
                />
              </li>
            ))}
          </ul>
        </section>
      ))}
    </div>
  );
}

interface TileProps {
  order: WorkOrder;
  timezone: string;
  now: Date;
  /** Whether the day is shown; below a day's heading it need not be. */
  dated: boolean;
  /** What of it the server does not have yet, "" for nothing. */
  unsent: string;
  href: string;
}

function OrderTile({ order, timezone, now, dated, unsent, href: to }: TileProps) {
  const start = parseTime(order.scheduledStart);
  const end = parseTime(order.scheduledEnd);
  const due = dueState(order, now);
  const { done, total } = progress(order.checklist ?? []);
  const site = order.expand?.site;
  const other = dated && start && dayOf(start, timezone) !== dayOf(now, timezone);
  return (
    <a class="tile" href={to} data-order={order.id} data-status={order.status}>
      <span class="tile-time">
        {start ? (
          <>
            {other && <small>{dayLabel(dayOf(start, timezone), dayOf(now, timezone))}</small>}
            <strong>{clockLabel(start, timezone)}</strong>
            {end && <span>{clockLabel(end, timezone)}</span>}
          </>
        ) : (
          <span>Any time</span>
        )}
      </span>
      <span class="tile-body">
        <strong class="tile-title">{order.title}</strong>
        <span class="tile-site">
          {site?.name ?? "Unknown site"}
          {site?.address && <small>{site.address}</small>}
        </span>
        <span class="tile-foot">
          {order.status !== "scheduled" && <StatusBadge status={order.status} />}
          {(order.priority === "urgent" || order.priority === "high") && <PriorityMark priority={order.priority} text />}
          {due && due.level !== "calm" && <span class={`due due-${due.level}`}>{due.text}</span>}
          {total > 0 && <ProgressMark done={done} total={total} />}
          {unsent && <span class="due due-soon">{unsent} not saved</span>}
        </span>
      </span>
      <Icon name="chevronRight" />
    </a>
  );
}

function isToday(order: WorkOrder, timezone: string, now: Date): boolean {
  const start = parseTime(order.scheduledStart);
  return order.status !== "scheduled" || (start !== undefined && dayOf(start, timezone) <= dayOf(now, timezone));
}

function greeting(now: Date, timezone: string): string {
  const hour = Number(clockLabel(now, timezone).slice(0, 2));
  if (hour < 5) return "Good night";
  if (hour < 12) return "Good morning";
  return hour < 18 ? "Good afternoon" : "Good evening";
}
