import { useEffect, useRef } from "preact/hooks";

import { BoardScreen } from "../board/screen.tsx";
import type { Belonging, User } from "../data/types.ts";
import { DayScreen } from "../day/screen.tsx";
import { Unsent } from "../order/unsent.tsx";
import { Members } from "../organization/members.tsx";
import { Settings } from "../organization/settings.tsx";
import { Boundary } from "../ui/boundary.tsx";
import { useLocation, replaceIfAt, href } from "../router.ts";
import { ConnectionBanner } from "./connection-banner.tsx";
import { TopBar } from "./top-bar.tsx";

export interface WorkspaceProps {
  user: User;
  belonging: Belonging;
  belongings: Belonging[];
  /** Called after the organization or the user's place in it changed. */
  onChanged: () => void;
}

/** One organization's part of the app: the bar on top and the screen that the address names. */
export function Workspace(props: WorkspaceProps) {
  const { user, belonging, onChanged } = props;
  const location = useLocation();
  const { path } = location;
  const { organization, role } = belonging;
  const home = role === "technician" ? "day" : "board";
  const allowed = role === "technician" ? ["day"] : role === "owner" ? ["board", "members", "settings"] : ["board"];
  const asked = path[2] ?? "";
  const screen = allowed.includes(asked) ? asked : undefined;
  const order = path[3];

  useEffect(() => {
    if (!screen) replaceIfAt(location, href(["o", organization.slug, home]));
  }, [screen, organization.slug, home]);

  const main = useRef<HTMLElement>(null);
  const previous = useRef(screen);
  useEffect(() => {
    // A new screen is read from its beginning.
    if (screen && previous.current && previous.current !== screen) main.current?.focus();
    previous.current = screen;
  }, [screen]);

  return (
    <div class="workspace">
      <button type="button" class="skip" onClick={() => main.current?.focus()}>
        Skip to content
      </button>
      <TopBar {...props} screens={allowed} screen={screen ?? home} />
      <div class="notices">
        <ConnectionBanner />
        <Unsent />
      </div>
      <main id="main" ref={main} tabIndex={-1} class={`screen screen-${screen ?? home}`}>
        <Boundary key={screen}>
          {screen === "board" && <BoardScreen user={user} belonging={belonging} order={order} />}
          {screen === "day" && <DayScreen user={user} belonging={belonging} order={order} />}
          {screen === "members" && <Members user={user} belonging={belonging} onOwnChanged={onChanged} />}
          {screen === "settings" && <Settings belonging={belonging} onSaved={onChanged} />}
        </Boundary>
      </main>
    </div>
  );
}
