import { useState } from "preact/hooks";

import { useData } from "../data/context.ts";
import { ROLE_LABEL } from "../domain/status.ts";
import { countText } from "../order/unsent.tsx";
import { useOutbox } from "../order/use-outbox.tsx";
import { go, href } from "../router.ts";
import { Avatar } from "../ui/avatar.tsx";
import { Confirm } from "../ui/confirm.tsx";
import { Icon, type IconName } from "../ui/icon.tsx";
import { Brand } from "../ui/marks.tsx";
import { Menu } from "../ui/menu.tsx";
import { NotifyItem } from "./notify-item.tsx";
import type { WorkspaceProps } from "./workspace.tsx";

const SCREENS: Record<string, { label: string; icon: IconName }> = {
  board: { label: "Board", icon: "board" },
  day: { label: "My day", icon: "calendar" },
  members: { label: "Members", icon: "users" },
  settings: { label: "Settings", icon: "settings" },
};

type Props = WorkspaceProps & { screens: string[]; screen: string };

export function TopBar({ user, belonging, belongings, screens, screen }: Props) {
  const { session } = useData();
  const { organization, role } = belonging;
  const outbox = useOutbox();
  const { changes, photos } = outbox.counts();
  const [leaving, setLeaving] = useState(false);
  const signOut = () => {
    go(href(["sign-in"]));
    session.signOut();
  };
  const others = belongings.filter(({ id }) => id !== belonging.id);

  return (
    <header class="top-bar">
      <a class="top-brand" href={href(["o", organization.slug])} aria-label="Holdall, start">
        <Brand />
      </a>
      <p class="top-organization">
        <strong>{organization.name}</strong>
        <span>{ROLE_LABEL[role]}</span>
      </p>
      {screens.length > 1 && (
        <nav class="top-nav" aria-label="Screens">
          {screens.map((name) => (
            <a
              key={name}
              href={href(["o", organization.slug, name])}
              aria-current={name === screen ? "page" : undefined}
              title={SCREENS[name]?.label}
            >
              <Icon name={SCREENS[name]?.icon ?? "board"} />
              <span>{SCREENS[name]?.label}</span>
            </a>
          ))}
        </nav>
      )}
      <Menu
        label={`Account of ${user.name || user.email}`}
        buttonClass="account-button"
        button={<Avatar person={user} size={32} />}
      >
        <p class="menu-head">
          <strong>{user.name || user.email}</strong>
          {user.name && <span>{user.email}</span>}
        </p>
        {others.length > 0 && <p class="menu-label">Switch to</p>}
        {others.map(({ id, organization: other }) => (
          <a key={id} class="menu-item" href={href(["o", other.slug])}>
            <Icon name="building" />
            {other.name}
          </a>
        ))}
        <a class="menu-item" href={href(["new-organization"])}>
          <Icon name="plus" />
          New organization
        </a>
        <NotifyItem />
        <button
          type="button"
          class="menu-item"
          onClick={() => (outbox.size > 0 ? setLeaving(true) : signOut())}
        >
          <Icon name="signOut" />
          Sign out
        </button>
      </Menu>
      {leaving && (
        <Confirm
          title="Sign out?"
          text={`Not saved yet: ${countText(changes, photos)}. Photos are kept on this device until you sign in again, changes only as long as this page is open.`}
          action="Sign out"
          keep="Stay"
          onClose={() => setLeaving(false)}
          onConfirm={async () => signOut()}
        />
      )}
    </header>
  );
}
