import type { ErrorEntry } from "./error-entry.ts";

/** Errors of services (functions/sdk/service): of their definition, and of calls of their actions. */
export const serviceErrors = {
  SERVICE_INVALID: {
    title: "The definition of the service is not valid",
    solve: "Correct the call of `service(…)`, `.action(…)` or `.on(…)` that `detail` names.",
  },
  ACTIONS_OVERLAP: {
    title: "Two actions of the service answer the same requests",
    solve: "Give one of the two that `detail` names another name, `subject` or `path`.",
  },
  SCHEMA_NOT_JSON: {
    title: "A schema of the service cannot be shown as JSON Schema",
    solve:
      "Use types that JSON has (a date as an ISO text, bytes as base64), or keep the type and write its form in JSON beside it: `z.date().meta(…)` is not enough.",
  },
  SERVICE_NAMED_OTHERWISE: {
    title: "The service and its function have different names",
    solve: "Give both the same name: `service({ name })`, and the folder or `name:` of narun.yaml.",
  },
  GRPC_MISMATCH: {
    title: "The `.proto` file of the service does not fit its actions",
    solve: "Change the method or message that `detail` names, or the schema of the action beside it.",
  },
  INVALID_INPUT: {
    title: "The input of the action does not fit its schema",
    solve: "Correct the fields that `issues` names; the schema is in `nats service info NAME`.",
    status: 422,
  },
  INVALID_OUTPUT: {
    title: "The service's answer does not fit the schema of its action",
    solve: "Correct the action, or its `output`. `narun logs NAME` names the places.",
    status: 500,
  },
  ACTION_ERROR: {
    title: "The action failed with an error that it declares",
    solve: "`error` has its name and its data; the service declares its meaning.",
    status: 400,
  },
  NO_SUCH_SERVICE: {
    title: "The registry knows no such service",
    solve: "Take a name of `narun services ls`; `detail` has the nearest one.",
    status: 404,
  },
  NO_SUCH_ACTION: {
    title: "The service has no such action",
    solve: "Look up its actions in `detail`, or push the service that has it.",
    status: 404,
  },
} as const satisfies Record<string, ErrorEntry>;
