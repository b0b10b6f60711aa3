import type { ErrorEntry } from "./error-entry.ts";

/** Errors of encryption end to end (docs/encryption.md). Where one of them is met, nothing is sent in clear instead. */
export const sealErrors = {
  KEYS_MISSING: {
    title: "There is no key file where one is needed",
    solve:
      "On the node: `narun keys new node:NAME`, then `narun keys enrol` where the root's key file is. `narun keys init` makes a network's root and its first node.",
  },
  KEY_FILE_UNREADABLE: {
    title: "The key file cannot be read",
    solve:
      "Give it to its owner alone (`chmod 600 FILE`). A file under a passphrase needs `NARUN_KEYS_PASSPHRASE`.",
  },
  KEY_FILE_EXISTS: {
    title: "The key file is there already",
    solve: "Move it away first: data that was sealed for it cannot be opened without it.",
  },
  DIRECTORY_MISSING: {
    title: "The network has no directory of keys",
    solve: "`narun keys init` makes one.",
  },
  DIRECTORY_FORGED: {
    title: "The directory of keys does not bear the signature of the network's root",
    solve:
      "Another program wrote to the bucket `narun-keys`. `narun keys restore` puts the last directory back, where the root's key is.",
  },
  DIRECTORY_FOREIGN: {
    title: "The directory of keys belongs to another network",
    solve: "Connect to the network that the key file was enrolled in, or enrol it in this one.",
  },
  DIRECTORY_ROLLED_BACK: {
    title: "The directory of keys is older than one that was seen before",
    solve:
      "An old directory was put back, most often by a restored backup of NATS. `narun keys restore` puts the newest one back.",
  },
  DIRECTORY_EXPIRED: {
    title: "The directory of keys was not signed anew in time",
    solve: "`narun keys renew` signs it anew. Until then nothing is sealed by it; sealed data can be opened.",
  },
  DIRECTORY_EXISTS: {
    title: "The network has a directory of keys already",
    solve:
      "`--keys` names the folder with its `root.json`. `narun keys new` makes the key of a further node or user, `narun keys enrol` takes it in.",
  },
  DIRECTORY_CHANGED: {
    title: "The directory of keys was changed by another command at the same time",
    solve: "Run the command again.",
  },
  DIRECTORY_FULL: {
    title: "The directory of keys would be larger than one message of NATS",
    solve: "Use fewer labels or identities, or raise `max_payload` of the nats-server.",
  },
  IDENTITY_UNKNOWN: {
    title: "The directory of keys has no such identity",
    solve: "`narun keys ls` shows all. `narun keys enrol` adds one.",
  },
  FINGERPRINT_WRONG: {
    title: "The key to be enrolled has another fingerprint",
    solve: "`narun keys new` printed the right one at its place.",
  },
  LABEL_UNKNOWN: {
    title: "The directory of keys has no such label",
    solve: "`narun keys grant LABEL service:NAME` makes it. `narun keys ls` shows all.",
  },
  LABEL_WITHOUT_RECIPIENTS: {
    title: "The label has no recipient",
    solve: "`narun keys grant LABEL service:NAME` gives it one.",
  },
  LABEL_NOT_GRANTED: {
    title: "The label is not granted to this recipient here",
    solve: "`narun keys grant LABEL service:NAME`, where the root's key file is.",
  },
  RECIPIENT_WITHOUT_KEY: {
    title: "A recipient of the label has no key",
    solve: "Enrol a node that runs the service, or the user: `narun keys new`, then `narun keys enrol`.",
  },
  SEAL_MISSING: {
    title: "The value is not sealed, and has to be",
    solve: "Write it again through a binding with `seal:`, or call the action through one.",
    status: 400,
  },
  SEAL_BROKEN: {
    title: "The sealed value was changed or damaged",
    solve: "Write it again, and look for the writer or the fault of the storage.",
  },
  SEAL_MOVED: {
    title: "The value was sealed for another place",
    solve: "Write it again at this place: a sealed value is valid under its own key, subject or field only.",
  },
  SEAL_CUT_OFF: {
    title: "The sealed stream is not whole, or out of order",
    solve: "Write it again. A part of it is missing, doubled, or in another place.",
  },
  SEAL_STALE: {
    title: "The sealed input is too old, or from the future",
    solve:
      "Set the clocks of the caller and of the service's node. A copy of an old call is refused by it, too.",
    status: 400,
  },
  SEAL_REPLAYED: {
    title: "The sealed input was received before",
    solve:
      "Seal each call anew, with an id of its own. Actions that are `idempotent` or `readOnly` take copies. A copy that nobody sent on purpose is an attack.",
    status: 409,
  },
  LOG_NOT_SEALED: {
    title: "Lines of a sealed log were dropped: they could not be sealed",
    solve:
      "The line ends with the code of the fault, most often a revoked label: grant it again (`narun keys grant`), or take `logs:` out of narun.yaml.",
  },
  CLEAR_REFUSED: {
    title: "The revision would leave in clear what the live one seals",
    solve:
      "Keep `encrypt` and `seal` as they were. Where the values may be seen from now on, push or roll back with `--allow-clear`.",
  },
  SEAL_KEY_UNKNOWN: {
    title: "The value was sealed under a key that is not granted here",
    solve:
      "It was sealed before the grant or after a revocation. `narun keys grant --history` grants older keys too.",
  },
} as const satisfies Record<string, ErrorEntry>;
