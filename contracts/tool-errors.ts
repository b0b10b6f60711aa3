import type { ErrorEntry } from "./error-entry.ts";

/** Errors of building, pushing and running: of the command line and of nodes. */
export const toolErrors = {
  // Errors that an author sees when building and pushing.
  CONFIG_INVALID: {
    title: "narun.yaml is not valid",
    solve: "Correct the named line.",
  },
  ENTRY_NOT_FOUND: {
    title: "The function has no entry file",
    solve: "Name it in narun.yaml (`entry:`), or add index.ts.",
  },
  BUILD_FAILED: {
    title: "The function does not build",
    solve: "Correct the named place in the source.",
  },
  NODE_BUILTIN_IN_ISOLATE: {
    title: "The function needs a module of Node, which an isolate does not have",
    solve:
      "Use a Web-standard package instead. Functions of `mode: node` need a node that runs them: `narun nodes` shows the modes of each.",
  },
  NAME_TWICE: {
    title: "Two folders are functions of one name",
    solve: "Give one of them another name: `name:` in its narun.yaml.",
  },
  NO_HANDLER: {
    title: "The entry exports no handler",
    solve: "Export a default function, a default object with `fetch`, or functions named after HTTP methods.",
  },
  BUNDLE_TOO_LARGE: {
    title: "The bundle is over the limit",
    solve: "Remove the largest parts (`narun build` lists them), or raise `limits.maxBundleBytes`.",
  },
  SERVICE_FILE_INVALID: {
    title: "The spec of the service is not valid",
    solve: "Correct the named line of the file that `-config` names.",
  },
  PROGRAM_UNFIT: {
    title: "The program's file cannot be started",
    solve:
      "Give a native binary for the nodes' system and processor (`narun nodes` shows them), or a script whose first line begins with `#!`.",
  },
  PROGRAM_NOT_STARTED: {
    title: "The system could not start the program",
    solve: "Install what `detail` names on the node: most often it is a script's interpreter.",
  },
  PROGRAM_ENDED: {
    title: "The program ended by itself",
    solve: "Its last lines are in `narun logs NAME`; `detail` has its exit code or signal.",
  },
  PROGRAM_FOLDER_FULL: {
    title: "The program was ended, as its folder holds too much",
    solve:
      "`folderMB` in narun.yaml bounds what it keeps there, its own file and mounts aside; a file counts as 4 KiB at least. Keep data in the bindings `kv` and `objects`: the folder goes with the instance.",
  },
  PROGRAM_NOT_REGISTERED: {
    title: "The program did not register its service in time",
    solve:
      "Connect to the address in NATS_URL and register a NATS Micro service of the function's name, with an endpoint on the subject of that name; `limits.startMs` bounds the time.",
  },
  MOUNT_MISSING: {
    title: "A file that the program mounts is not stored",
    solve: "Store it in `narun-files` under the name in `detail`, or correct `mounts` in narun.yaml.",
  },
  NODE_CANNOT_CONFINE: {
    title: "The node cannot enforce a limit that the program's spec demands",
    solve: "Run it on a node that can (`narun doctor` on each tells), or take the key out of narun.yaml.",
  },
  NODE_DISK_FULL: {
    title: "The disk of the node has no room for the file",
    solve:
      "Make room on the disk of the node's cache folder (`--cache-dir`). The node tries again by itself.",
  },
  PUSH_CONFLICT: {
    title: "This function was changed by another push at the same time",
    solve: "Look at `narun revisions`, then push again.",
  },
  TRIAL_FAILED: {
    title: "The new revision does not start; nothing has changed",
    solve: "Correct the error that is shown.",
  },

  // Errors that an operator or a user of the command line sees.
  USAGE: {
    title: "The command is not used like this",
    solve: "See `narun help`.",
  },
  GRPC_UNKNOWN: {
    title: "The gRPC method cannot be called by name",
    solve:
      "`narun ls` shows the services. JSON needs descriptors: functions that are built from a `.proto` file have them.",
  },
  DEPLOY_TIMEOUT: {
    title: "The deployment took longer than `--timeout` allows; the service is as before",
    solve: "Give it more time. Files that were stored are not sent again.",
  },
  NAME_TAKEN: {
    title: "The name belongs to another service",
    solve:
      "Choose another name, or end the other service: `narun rm NAME` removes a function or a deployed program; a program that is not deployed is stopped where it runs.",
  },
  PROGRAM_FAILED: {
    title: "The program could not be started",
    solve:
      "Its output has the reason. `narun run` needs an HTTP server that listens on the port in its variable `PORT`.",
  },
  GATEWAY_CONFIG_INVALID: {
    title: "The gateway's configuration is not valid",
    solve: "Correct the named lines of the file that `--config` names.",
  },
  NATS_UNREACHABLE: {
    title: "NATS does not answer",
    solve: "Start it (`narun up` starts one), or name another with --nats or NARUN_NATS_URL.",
  },
  NATS_LOGIN_REFUSED: {
    title: "NATS refused the login",
    solve:
      "Give the login that the server knows: in the address (nats://USER:PASSWORD@HOST), or by --user, --creds or --nkey (NATS_USER and NATS_PASSWORD, NATS_TOKEN, NATS_CREDS, NATS_NKEY).",
  },
  NATS_TLS_FAILED: {
    title: "The TLS connection to NATS failed",
    solve:
      "Name the authority of the server's certificate with --tls-ca (NATS_CA), the client's own with --tls-cert and --tls-key (NATS_CERT, NATS_KEY), and the server by the name in its certificate.",
  },
  NATS_PERMISSIONS_VIOLATION: {
    title: "NATS does not permit a subject",
    solve:
      "Permit the named subject to the user that logs in to NATS (`permissions` in nats-server's configuration, or `nsc edit user`); inboxes are `_INBOX.>`.",
    status: 502,
  },
  NATS_TOO_OLD: {
    title: "nats-server is too old",
    solve: "Use nats-server 2.14 or newer.",
  },
  NATS_NO_JETSTREAM: {
    title: "NATS has no JetStream; narun stores everything there",
    solve: "Start nats-server with `-js`, and allow JetStream for the account.",
  },
  STREAM_UNFIT: {
    title: "A stream of NATS is not as narun needs it",
    solve: "Change the stream that `detail` names as it says. Other changes to narun's streams may stay.",
  },
  NATS_JETSTREAM_UNAVAILABLE: {
    title: "JetStream is not available now",
    solve:
      "Try again in some seconds: a cluster may be electing a leader. Else start the servers of the cluster that are away; `nats stream report` shows the streams that they hold, and the replicas.",
  },
  NATS_NO_MAJORITY: {
    title: "Most servers of the NATS cluster are gone; nothing can be written",
    solve:
      "Start the servers that are away, or repair the network between them. Warm functions, reads and held requests go on meanwhile; repeat the refused writes afterwards.",
    status: 503,
  },
  NATS_SERVER_NOT_FOUND: {
    title: "No nats-server could be found or fetched",
    solve: "Install nats-server 2.14 or newer and put it on the PATH, or name it in NARUN_NATS_SERVER.",
  },
  NATS_SERVER_FAILED: {
    title: "nats-server did not start",
    solve: "Its last output is shown; correct the fault that it names.",
  },
  NODE_RUNNER_FAILED: {
    title: "The node-runner did not start",
    solve: "Its last output is shown; correct the fault that it names.",
  },
  ADDRESS_IN_USE: {
    title: "The address is taken",
    solve: "Stop the program that listens there, or choose another port (0 picks a free one).",
  },
  FOLDER_UNUSABLE: {
    title: "A folder of narun cannot be made or written to",
    solve:
      "Give this user the right to write there, make room on its disk, or name another folder (`--data-dir`, `--cache-dir`, `--keys`).",
  },
  DATA_DIR_LOCKED: {
    title: "Another narun runs on this data folder",
    solve: "Stop it, or choose another folder with --data-dir.",
  },
  FUNCTION_NOT_FOUND: {
    title: "No function has this name",
    solve: "See `narun ls`.",
  },
  SCHEDULE_NOT_FOUND: {
    title: "There is no such schedule",
    solve:
      "`narun schedule ls` lists the schedules. A node stores the schedules of a function when it sees its push.",
  },
  SCHEDULE_RUN_FAILED: {
    title: "The run failed",
    solve: "`narun schedule show NAME` lists the runs; with `--run ID` it shows the error and the log.",
  },
  REVISION_NOT_FOUND: {
    title: "The function has no such revision",
    solve: "See `narun revisions NAME`.",
  },
  SPEC_INVALID: {
    title: "The function's spec is not valid; the last good one stays in force",
    solve: "Push again, or roll back.",
  },
  DIGEST_MISMATCH: {
    title: "Stored bytes do not match their digest; they are not run",
    solve: "Push again: a push replaces damaged files.",
  },
  OBJECT_NOT_FOUND: {
    title: "A stored file is missing",
    solve: "Push again.",
  },

  FILE_MISSING: {
    title: "There is no file of this name",
    solve: "`narun files ls` lists the files; `narun files add` stores one.",
  },
  SECRET_MISSING: {
    title: "There is no such secret",
    solve: "Set it with `narun secret set NAME`; `narun secret ls` lists the secrets.",
  },
  SECRET_UNREADABLE: {
    title: "A secret cannot be read",
    solve: "It was set under another key, or is damaged. Set it again, with the key that the nodes have.",
  },
  SECRETS_KEY_MISSING: {
    title: "The key of the secrets is missing",
    solve:
      "Give it to the node, or to the command `narun secret set`: in NARUN_SECRETS_KEY (32 bytes, base64), or in a file that `--secrets-key` names.",
  },

  // Reasons for which a node refuses or ends an instance.
  MODE_UNSUPPORTED: {
    title: "The node does not run functions of this mode",
    solve: "Start a node-runner that does; `narun nodes` shows the modes of each.",
  },
  NODE_FULL: {
    title: "The node has no room for another instance",
    solve: "Add a node, or raise the node's limit of instances.",
  },
  SCALE_MAX_REACHED: {
    title: "The function has as many instances on the node as `scale.max` allows",
    solve: "Raise `scale.max`, or `scale.concurrency`, if the node has the means for it.",
  },
  NODE_STOPPING: {
    title: "The node is shutting down",
    solve: "Another node takes over; start one if there is none.",
  },
  INSTANCE_DRAINING: {
    title: "The instance takes no new requests; this one was not started",
    solve: "The gateway sends it elsewhere by itself.",
    status: 503,
    retryable: true,
  },
  INSTANCE_FULL: {
    title: "The instance has no room for another call; this one was not started",
    solve: "Its caller sends it by a gateway, which holds it until there is room.",
    status: 503,
    retryable: true,
  },
  ISOLATE_TAMPERED: {
    title: "The function's isolate did something that narun's platform never does; the instance was ended",
    solve:
      "Look in the function, and in its packages, for code that replaces built-ins of the language; `narun logs NAME` shows the violation.",
    status: 502,
  },
  HOST_CRASHED: {
    title: "The sandbox process died",
    solve: "narun starts another. `narun logs NAME` names a function that causes it again and again.",
  },
} as const satisfies Record<string, ErrorEntry>;
