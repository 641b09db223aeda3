import { useEffect, useRef, useState } from "preact/hooks";

import { useData } from "../data/context.ts";
import { failureOf } from "../data/errors.ts";
import type { Membership, Role } from "../data/types.ts";
import { ROLE_LABEL } from "../domain/status.ts";
import { Confirm } from "../ui/confirm.tsx";
import { showToast } from "../ui/toast.tsx";

export const ROLES: readonly Role[] = ["owner", "dispatcher", "technician", "viewer"];

interface Props {
  member: Membership;
  name: string;
  onChanged: () => void;
}

/** A member's role. Another one is chosen first and saved second, as a list passes others on the way to one. */
export function RoleField({ member, name, onChanged }: Props) {
  const { team } = useData();
  const [chosen, setChosen] = useState(member.role);
  const [asking, setAsking] = useState(false);
  const [busy, setBusy] = useState(false);
  const select = useRef<HTMLSelectElement>(null);
  const saved = useRef(false);
  useEffect(() => {
    setChosen(member.role);
    // The button that had the focus is gone, and the row may have moved.
    if (saved.current) select.current?.focus();
    saved.current = false;
  }, [member.role]);

  const change = async () => {
    // The change may be heard of before the request is answered.
    saved.current = true;
    try {
      await team.changeRole(member.id, chosen);
    } catch (error) {
      saved.current = false;
      throw error;
    }
    showToast({ kind: "good", text: `${name} is now ${ROLE_LABEL[chosen].toLowerCase()}.` });
    onChanged();
  };
  const save = async () => {
    // A viewer can have no orders.
    if (chosen === "viewer") return setAsking(true);
    setBusy(true);
    try {
      await change();
    } catch (error) {
      showToast({ kind: "bad", text: failureOf(error).sentence });
    }
    setBusy(false);
  };

  return (
    <form
      class="role-field"
      onSubmit={(event) => {
        event.preventDefault();
        void save();
      }}
    >
      <select
        ref={select}
        class="input compact"
        aria-label={`Role of ${name}`}
        value={chosen}
        onChange={(event) => setChosen(event.currentTarget.value as Role)}
      >
        {ROLES.map((role) => (
          <option key={role} value={role}>
            {ROLE_LABEL[role]}
          </option>
        ))}
      </select>
      {chosen !== member.role && (
        <>
          <button class="button small primary" aria-label={`Save the role of ${name}`} disabled={busy}>
            Save
          </button>
          <button type="button" class="button small quiet" onClick={() => setChosen(member.role)}>
            Cancel
          </button>
        </>
      )}
      {asking && (
        <Confirm
          title={`Make ${name} a viewer?`}
          text="Their open orders become unassigned."
          action="Make viewer"
          keep="Cancel"
          onConfirm={change}
          onClose={() => setAsking(false)}
        />
      )}
    </form>
  );
}
