import type { Team } from "../contract.ts";
import { failureOf } from "../errors.ts";
import { api, filter } from "../types.gen.ts";
import { ClientResponseError } from "pocketbase";
import { ask, type Remote } from "./client.ts";
import type { Live } from "./live.ts";

/** An export is as large as the organization. */
const PATIENCE_WITH_EXPORT = 300_000;

export function remoteTeam({ pb }: Remote, live: Live): Team {
  const memberships = pb.collection("memberships");
  const ofOrganization = (organization: string) => filter.memberships((membership) => membership.organization.eq(organization));

  return {
    members: (organization) =>
      ask(() => memberships.getFullList({ filter: ofOrganization(organization), sort: "created", expand: "user" })),

    watchMembers: (organization, watcher) =>
      live.watch("memberships", { filter: ofOrganization(organization), expand: "user" }, watcher),

    invite: async (organization, email, role) => {
      await ask(() => api(pb).organizations.invite({ id: organization }, { email, role }));
    },

    changeRole: async (membership, role) => {
      await ask(() => memberships.update(membership, { role }));
    },

    remove: async (membership) => {
      await ask(() => memberships.delete(membership));
    },

    saveOrganization: (id, change) => ask(() => pb.collection("organizations").update(id, change)),

    async exported(organization, format) {
      const url = pb.buildURL(`/api/v1/organizations/${encodeURIComponent(organization)}/export?format=${format}`);
      try {
        // The SDK reads answers as JSON; an export is a file.
        const response = await fetch(url, { headers: { Authorization: pb.authStore.token }, signal: AbortSignal.timeout(PATIENCE_WITH_EXPORT) });
        if (!response.ok) throw new ClientResponseError({ url, status: response.status, data: await response.json() });
        return { name: fileName(response) || `export.${format}`, content: await response.blob() };
      } catch (error) {
        const unanswered = error instanceof TypeError || error instanceof DOMException;
        throw failureOf(unanswered ? new ClientResponseError({ url, status: 0 }) : error);
      }
    },

    avatarURL: ({ id, avatar }) =>
      avatar ? pb.files.getURL({ id, collectionId: "users", collectionName: "users" }, avatar, { thumb: "96x96" }) : "",
  };
}

function fileName(response: Response): string {
  return /filename="?([^";]+)"?/.exec(response.headers.get("Content-Disposition") ?? "")?.[1] ?? "";
}
