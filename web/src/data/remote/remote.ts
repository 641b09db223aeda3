import type { Data } from "../contract.ts";
import { photoShelf } from "../device/shelf.ts";
import { connect } from "./client.ts";
import { Live } from "./live.ts";
import { remoteNotifications } from "./notifications.ts";
import { remoteOrders } from "./orders.ts";
import { remoteSession } from "./session.ts";
import { remoteTeam } from "./team.ts";

/** The backend that served this page, read and written over the network. */
export function remoteData(): Data {
  const remote = connect();
  const live = new Live(remote);
  return {
    connection: remote.connection,
    session: remoteSession(remote, live),
    orders: remoteOrders(remote, live),
    team: remoteTeam(remote, live),
    notifications: remoteNotifications(remote),
    shelf: photoShelf,
  };
}
