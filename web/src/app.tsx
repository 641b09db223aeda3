import { useEffect, useState } from "preact/hooks";

import { useData } from "./data/context.ts";
import type { Belonging, User } from "./data/types.ts";
import { go, href, replaceIfAt, useLocation } from "./router.ts";
import { OutboxProvider } from "./order/use-outbox.tsx";
import { CreateOrganization } from "./organization/create.tsx";
import { ForgotPassword } from "./session/forgot.tsx";
import { Invitation } from "./session/invitation.tsx";
import { SignIn } from "./session/sign-in.tsx";
import { SignUp } from "./session/sign-up.tsx";
import { Workspace } from "./shell/workspace.tsx";
import { Boundary } from "./ui/boundary.tsx";
import { Failed, Skeleton } from "./ui/states.tsx";
import { useLoad } from "./ui/load.ts";
import { Toasts } from "./ui/toast.tsx";

const LAST = "holdall.organization";

/** Chooses the screen: by who is signed in first, by the address second. */
export function App() {
  const user = useUser();
  return (
    <>
      <Boundary>{user === undefined ? <Splash /> : <Screens key={user?.id ?? ""} user={user} />}</Boundary>
      <Toasts />
    </>
  );
}

/** The signed-in user, null for nobody, undefined until that is known. */
function useUser(): User | null | undefined {
  const { session } = useData();
  const [user, setUser] = useState<User | null>();
  useEffect(() => {
    const read = () => setUser(session.user() ?? null);
    void session.restore().then(read);
    return session.onChange(read);
  }, [session]);
  return user;
}

function Screens({ user }: { user: User | null }) {
  const { path, query } = useLocation();
  const [first, second] = path;

  if (first === "invitation" && second) return <Invitation key={second} token={second} user={user} />;
  if (!user) {
    const then = query.get("then") ?? "";
    if (first === "sign-up") return <SignUp then={then} />;
    if (first === "forgot") return <ForgotPassword />;
    return <SignIn then={then || (first && first !== "sign-in" ? window.location.hash : "")} />;
  }
  return (
    <OutboxProvider user={user.id}>
      <Organizations user={user} />
    </OutboxProvider>
  );
}

/** What a signed-in user sees: their organization, or how to get one. */
function Organizations({ user }: { user: User }) {
  const { session } = useData();
  const location = useLocation();
  const { path, query } = location;
  const { value: belongings, failure, reload, set } = useLoad(() => session.belongings(), [user.id]);
  const [area, slug] = path;
  const here = area === "o" ? belongings?.find(({ organization }) => organization.slug === slug) : undefined;
  const creating = area === "new-organization" || belongings?.length === 0;

  useEffect(() => {
    if (here) localStorage.setItem(LAST, here.organization.slug);
    else if (belongings && !creating) replaceIfAt(location, targetOf(query.get("then"), belongings));
  }, [here, belongings, creating]);

  if (failure && !belongings)
    return (
      <main class="page narrow">
        <Failed failure={failure} onRetry={reload} />
      </main>
    );
  if (!belongings) return <Splash />;
  if (creating) {
    return (
      <CreateOrganization
        user={user}
        first={belongings.length === 0}
        onCreated={async (organization) => {
          const now = await session.belongings();
          set(() => now);
          go(href(["o", organization.slug]));
        }}
      />
    );
  }
  if (!here) return <Splash />;
  return <Workspace key={here.organization.id} user={user} belonging={here} belongings={belongings} onChanged={reload} />;
}

/** The place asked for before signing in if it is one of ours, else the organization used last. */
function targetOf(then: string | null, belongings: Belonging[]): string {
  if (then?.startsWith("#/o/") && belongings.some(({ organization }) => then.split(/[/?]/)[2] === organization.slug)) return then;
  const last = localStorage.getItem(LAST);
  const found = belongings.find(({ organization }) => organization.slug === last) ?? belongings[0];
  return found ? href(["o", found.organization.slug]) : "#/";
}

function Splash() {
  return (
    <main class="page narrow">
      <Skeleton lines={4} />
    </main>
  );
}
