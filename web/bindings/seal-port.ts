import { takeOpened } from "../start/opened-input.ts";
import { callBinding } from "./host-result.ts";

/** Seals and opens texts by the keys of the function's labels. They are the host's: no key comes into the isolate. */
export interface SealPort {
  /** `place`: the owner of the text (contracts/keys.ts); it opens there alone. Rejects by a code of docs/encryption.md. */
  seal(label: string, place: readonly string[], text: string): Promise<string>;
  /** Without a label: that of its own key. */
  open(label: string | undefined, place: readonly string[], sealed: string): Promise<string>;
}

export const sealPort: SealPort = {
  seal: (label, place, text) => callBinding("seal.seal", label, textOf(place), text) as Promise<string>,
  async open(label, place, sealed) {
    const at = textOf(place);
    return takeOpened(label, at, sealed) ?? (callBinding("seal.open", label, at, sealed) as Promise<string>);
  },
};

// Calls whose values are texts leave together (host/joined-calls.ts).
const textOf = (place: readonly string[]) => JSON.stringify(place);
