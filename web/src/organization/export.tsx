import { useState } from "preact/hooks";

import { useData } from "../data/context.ts";
import { failureOf } from "../data/errors.ts";
import { Icon } from "../ui/icon.tsx";
import { showToast } from "../ui/toast.tsx";

/** Buttons that save the organization's data as a file. */
export function Export({ organization }: { organization: string }) {
  const { team } = useData();
  const [busy, setBusy] = useState<"csv" | "json">();

  const save = async (format: "csv" | "json") => {
    setBusy(format);
    try {
      const { name, content } = await team.exported(organization, format);
      const url = URL.createObjectURL(content);
      const link = document.createElement("a");
      link.href = url;
      link.download = name;
      link.click();
      setTimeout(() => URL.revokeObjectURL(url), 10_000);
    } catch (error) {
      showToast({ kind: "bad", text: failureOf(error).sentence });
    }
    setBusy(undefined);
  };

  return (
    <section class="panel" aria-labelledby="export-title">
      <h2 id="export-title">Take your data with you</h2>
      <div class="button-row">
        <button type="button" class="button" disabled={busy !== undefined} onClick={() => void save("csv")}>
          <Icon name="download" />
          {busy === "csv" ? "Preparing…" : "Orders as CSV"}
        </button>
        <button type="button" class="button" disabled={busy !== undefined} onClick={() => void save("json")}>
          <Icon name="download" />
          {busy === "json" ? "Preparing…" : "Everything as JSON"}
        </button>
      </div>
    </section>
  );
}
