import type { ErrorEntry } from "./error-entry.ts";

/** Errors of Runtara's doors (docs/runtara.md). */
export const runtaraErrors = {
  RUNTARA_BAD_CALL: {
    title: "The call cannot be understood",
    solve: "Send the fields that `detail` names, as docs/runtara.md lists them.",
    status: 400,
  },
  RUNTARA_NO_SUCH_CALL: {
    title: "Runtara's doors have no such call",
    solve: "Look up the path and the method in docs/runtara.md: the doors serve the SDKs 1.6.4.",
    status: 404,
  },
  RUNTARA_TOO_LARGE: {
    title: "A state, an input, an output or an image is over the limit",
    solve: "Keep large data in an object store and its name in the state: a state has at most 64 MiB.",
    status: 413,
  },
  RUNTARA_TOKEN_REFUSED: {
    title: "The call has no token that permits it",
    solve:
      "Put a token of `narun runtara token` into the address: `http://any:TOKEN@HOST:PORT` or `http://HOST:PORT/t/TOKEN`. `--runtara-open` lets all programs of the machine call without one.",
    status: 401,
  },
  RUNTARA_OTHER_TENANT: {
    title: "The instance belongs to another tenant",
    solve: "Use another id: an id belongs to the tenant that used it first.",
    status: 403,
  },
  RUNTARA_INSTANCE_NOT_FOUND: {
    title: "The instance was not found",
    solve:
      "Start it, or have its program register. Finished instances are kept for the time of `--runtara-retention`.",
    status: 404,
  },
  RUNTARA_INSTANCE_EXISTS: {
    title: "The id belongs to an instance with another image or input",
    solve: "Start with another id. The same id with the same image and input gives the first instance.",
    status: 400,
  },
  RUNTARA_INSTANCE_FINISHED: {
    title: "The instance has finished",
    solve:
      "Start another one. An instance that failed or was cancelled goes on by `resume`, where it has an image.",
    status: 409,
  },
  RUNTARA_NOT_RUNNING: {
    title: "The instance is not in a state for this call",
    solve:
      "Look at its status: only a running one stores checkpoints, and only a suspended, failed or cancelled one is resumed.",
    status: 409,
  },
  RUNTARA_RUN_REPLACED: {
    title: "A later run of the instance has taken the place of this one",
    solve: "Let the program end: the instance goes on elsewhere.",
    status: 409,
  },
  RUNTARA_NO_IMAGE: {
    title: "The instance has no image",
    solve: "Start its program yourself: it registered by itself, and narun does not know its file.",
    status: 409,
  },
  RUNTARA_IMAGE_NOT_FOUND: {
    title: "The image was not found",
    solve: "Register it, or name an image of this tenant.",
    status: 404,
  },
  RUNTARA_IMAGE_INVALID: {
    title: "The image cannot be registered",
    solve: "Give a native binary, or a script whose first line begins with `#!`; `detail` has the fault.",
    status: 400,
  },
  RUNTARA_CONTENDED: {
    title: "The instance changed too often while the call was made",
    solve: "Call again.",
    status: 503,
    retryable: true,
  },
} as const satisfies Record<string, ErrorEntry>;
