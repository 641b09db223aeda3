import { createContext } from "preact";
import { useContext, useEffect, useState } from "preact/hooks";

import type { ConnectionState } from "./connection.ts";
import type { Data } from "./contract.ts";

const DataContext = createContext<Data | undefined>(undefined);

export const DataProvider = DataContext.Provider;

export function useData(): Data {
  const data = useContext(DataContext);
  if (!data) throw new Error("useData needs a DataProvider above it");
  return data;
}

export function useConnection(): ConnectionState {
  const { connection } = useData();
  const [state, setState] = useState(connection.state);
  useEffect(() => {
    setState(connection.state);
    return connection.onChange(() => setState(connection.state));
  }, [connection]);
  return state;
}
