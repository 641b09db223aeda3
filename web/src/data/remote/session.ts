import type { Session } from "../contract.ts";
import { Failure } from "../errors.ts";
import { api, filter, type Expanded } from "../types.gen.ts";
import type { Belonging, DemoAccount } from "../types.ts";
import { ask, type Remote } from "./client.ts";
import type { Live } from "./live.ts";

/** How long the screens wait for the server to confirm a remembered sign-in. */
const PATIENCE = 4000;

export function remoteSession({ pb }: Remote, live: Live): Session {
  const users = pb.collection("users");

  return {
    user: () => (pb.authStore.isValid ? (pb.authStore.record ?? undefined) : undefined),

    onChange: (callback) => pb.authStore.onChange(callback),

    async restore() {
      if (!pb.authStore.isValid) {
        if (pb.authStore.token) pb.authStore.clear();
        return;
      }
      const token = pb.authStore.token;
      const refreshed = ask(() => users.authRefresh()).then(
        () => undefined,
        (error) => {
          // Without an answer the sign-in is kept: being offline is no reason to lose it.
          if (error instanceof Failure && !error.transient && pb.authStore.token === token) pb.authStore.clear();
        },
      );
      // A slow answer is heard later; nobody has to look at an empty page until then.
      await Promise.race([refreshed, new Promise((resolve) => setTimeout(resolve, PATIENCE))]);
    },

    async signIn(email, password) {
      live.close();
      await ask(() => users.authWithPassword(email, password));
    },

    async signUp({ name, email, password }) {
      live.close();
      await ask(async () => {
        await users.create({ name, email, password, passwordConfirm: password });
        await users.authWithPassword(email, password);
      });
    },

    signOut() {
      live.close();
      pb.authStore.clear();
    },

    async requestPasswordReset(email) {
      await ask(() => users.requestPasswordReset(email));
    },

    async demoAccounts() {
      try {
        const answer = await pb.send<{ accounts: DemoAccount[] }>("/api/v1/demo", {});
        return answer.accounts;
      } catch {
        return [];
      }
    },

    async belongings() {
      const user = pb.authStore.record?.id ?? "";
      const rows = await ask(() =>
        pb.collection("memberships").getFullList({
          filter: filter.memberships((membership) => membership.user.eq(user)),
          expand: "organization",
        }),
      );
      return rows.flatMap(belongingOf).sort((a, b) => a.organization.name.localeCompare(b.organization.name));
    },

    createOrganization: (input) => ask(() => pb.collection("organizations").create(input)),

    previewInvitation: (token) => ask(() => api(pb).invitations.preview({ token })),

    async acceptInvitation(token, account) {
      const body = account
        ? { token, name: account.name, password: account.password, passwordConfirm: account.password }
        : { token };
      const answer = await ask(() => api(pb).invitations.accept(body));
      if ("token" in answer) {
        live.close();
        pb.authStore.save(answer.token, answer.record);
      }
    },
  };
}

function belongingOf(row: Expanded<"memberships", "organization">): Belonging[] {
  const organization = row.expand?.organization;
  return organization ? [{ id: row.id, role: row.role, organization }] : [];
}
