import type { Belonging, User } from "../data/types.ts";
import { DayList } from "./list.tsx";
import { OrderPage } from "./order-page.tsx";
import { useDay } from "./use-day.ts";

interface Props {
  user: User;
  belonging: Belonging;
  /** The order whose page is open. */
  order: string | undefined;
}

/** The technician's part: their orders day by day, and the page of one. */
export function DayScreen({ user, belonging, order }: Props) {
  const day = useDay(belonging.organization, user.id);
  if (order) {
    const known = day.rows?.find(({ id }) => id === order);
    return <OrderPage key={order} id={order} user={user} belonging={belonging} known={known} onChanged={day.put} />;
  }
  return <DayList user={user} belonging={belonging} day={day} />;
}
