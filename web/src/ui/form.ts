import { useState } from "preact/hooks";

import { failureOf } from "../data/errors.ts";
import { useUnloadWarning } from "./unload.ts";

export interface FormState {
  busy: boolean;
  /** What is wrong with the whole of it. */
  error: string;
  /** What is wrong with single fields. */
  fields: Readonly<Record<string, string>>;
  /** Runs the request of a form; resolves to whether it succeeded. What was typed stays either way. */
  submit: (request: () => Promise<void>) => Promise<boolean>;
}

/** The state of a form around its request. known are the fields that it shows errors beside. */
export function useForm(known: readonly string[]): FormState {
  const [state, setState] = useState<{ busy: boolean; error: string; fields: Record<string, string> }>({
    busy: false,
    error: "",
    fields: {},
  });

  useUnloadWarning(state.busy);

  const submit = async (request: () => Promise<void>) => {
    setState({ busy: true, error: "", fields: {} });
    try {
      await request();
      setState({ busy: false, error: "", fields: {} });
      return true;
    } catch (thrown) {
      const failure = failureOf(thrown);
      const fields = Object.fromEntries(Object.entries(failure.fields).filter(([name]) => known.includes(name)));
      const rest = Object.entries(failure.fields).filter(([name]) => !known.includes(name));
      const error =
        rest.length > 0 ? rest.map(([, text]) => text).join(" ") : Object.keys(fields).length > 0 ? "" : failure.message;
      setState({ busy: false, error: error || "Please check the marked fields.", fields });
      return false;
    }
  };
  return { ...state, submit };
}
