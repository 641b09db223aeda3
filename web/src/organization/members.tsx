import { useState } from "preact/hooks";

import { useData } from "../data/context.ts";
import type { Belonging, Membership, Role, User } from "../data/types.ts";
import { ROLE_LABEL } from "../domain/status.ts";
import { parseTime } from "../domain/time.ts";
import { Avatar } from "../ui/avatar.tsx";
import { Confirm } from "../ui/confirm.tsx";
import { ErrorText, Field, TextField } from "../ui/field.tsx";
import { useForm } from "../ui/form.ts";
import { Icon } from "../ui/icon.tsx";
import { useLiveList } from "../ui/list.ts";
import { Failed, Skeleton } from "../ui/states.tsx";
import { useTitle } from "../ui/title.ts";
import { showToast } from "../ui/toast.tsx";
import { Export } from "./export.tsx";
import { ROLES, RoleField } from "./role-field.tsx";

const ROLE_HINT: Record<Role, string> = {
  owner: "Everything, members and settings included.",
  dispatcher: "Plans and moves all orders.",
  technician: "Sees and works on the orders assigned to them.",
  viewer: "Sees the board, changes nothing.",
};

interface Props {
  user: User;
  belonging: Belonging;
  /** Called after the user removed themselves or gave themselves another role. */
  onOwnChanged: () => void;
}

export function Members({ user, belonging, onOwnChanged }: Props) {
  useTitle(`Members · ${belonging.organization.name}`);
  const { team } = useData();
  const organization = belonging.organization.id;
  const members = useLiveList<Membership>(
    () => team.members(organization),
    (watcher) => team.watchMembers(organization, watcher),
    [organization],
  );
  const [removing, setRemoving] = useState<Membership>();

  return (
    <div class="page">
      <header class="page-head">
        <h1>Members</h1>
      </header>
      <Invite organization={organization} />
      <section class="panel" aria-labelledby="members-title">
        <h2 id="members-title">
          In {belonging.organization.name} {members.rows && <span class="count">{members.rows.length}</span>}
        </h2>
        {!members.rows &&
          (members.failure ? <Failed failure={members.failure} onRetry={members.reload} /> : <Skeleton lines={6} />)}
        <ul class="member-list">
          {members.rows?.toSorted(byRole).map((member) => (
            <li key={member.id}>
              <Avatar person={member.expand?.user ?? { id: member.user, name: "", avatar: "" }} size={36} />
              <p class="member-name">
                <strong>
                  {nameOf(member)}
                  {member.user === user.id && " (you)"}
                </strong>
                <span>{member.expand?.user?.email || joined(member, belonging.organization.timezone)}</span>
              </p>
              <RoleField
                member={member}
                name={nameOf(member)}
                onChanged={() => {
                  members.reload();
                  if (member.user === user.id) onOwnChanged();
                }}
              />
              <button
                type="button"
                class="button quiet icon-only"
                aria-label={`Remove ${nameOf(member)}`}
                onClick={() => setRemoving(member)}
              >
                <Icon name="trash" />
              </button>
            </li>
          ))}
        </ul>
      </section>
      <Export organization={organization} />
      {removing && (
        <Confirm
          title={`Remove ${nameOf(removing)}?`}
          text="They lose access at once. Their open orders become unassigned. Invitations that are still open stop working."
          action="Remove"
          onClose={() => setRemoving(undefined)}
          onConfirm={async () => {
            await team.remove(removing.id);
            members.drop(removing);
            showToast({ kind: "good", text: `${nameOf(removing)} was removed.` });
            if (removing.user === user.id) onOwnChanged();
          }}
        />
      )}
    </div>
  );
}

function joined(member: Membership, timezone: string): string {
  const at = parseTime(member.created);
  return at ? `Member since ${new Intl.DateTimeFormat("en-GB", { dateStyle: "long", timeZone: timezone }).format(at)}` : "";
}

function byRole(a: Membership, b: Membership): number {
  return ROLES.indexOf(a.role) - ROLES.indexOf(b.role) || nameOf(a).localeCompare(nameOf(b));
}

function nameOf(member: Membership): string {
  return member.expand?.user?.name || member.expand?.user?.email || "Unnamed member";
}

function Invite({ organization }: { organization: string }) {
  const { team } = useData();
  const [email, setEmail] = useState("");
  const [role, setRole] = useState<Role>("technician");
  const form = useForm(["email", "role"]);

  return (
    <section class="panel" aria-labelledby="invite-title">
      <h2 id="invite-title">Invite somebody</h2>
      <form
        class="invite-form"
        onSubmit={async (event) => {
          event.preventDefault();
          if (!(await form.submit(() => team.invite(organization, email.trim(), role)))) return;
          showToast({ kind: "good", text: `The invitation to ${email.trim()} is on its way. It holds for seven days.` });
          setEmail("");
        }}
      >
        <TextField
          label="Email"
          type="email"
          autocomplete="off"
          required
          value={email}
          onValue={setEmail}
          error={form.fields.email}
        />
        <Field label="Role" hint={ROLE_HINT[role]} error={form.fields.role}>
          {(control) => (
            <select class="input" {...control} value={role} onChange={(event) => setRole(event.currentTarget.value as Role)}>
              {ROLES.map((each) => (
                <option key={each} value={each}>
                  {ROLE_LABEL[each]}
                </option>
              ))}
            </select>
          )}
        </Field>
        <button class="button primary" disabled={form.busy}>
          <Icon name="mail" />
          Send invitation
        </button>
      </form>
      <ErrorText>{form.error}</ErrorText>
    </section>
  );
}
