import type { AnyCommand } from "./command/define-command.ts";

/**
 * The commands in the order of the help. A command's module is loaded only where its name is among the arguments: loading
 * all modules takes twice as long.
 */
const LOADERS: Readonly<Record<string, () => Promise<AnyCommand>>> = {
  up: async () => (await import("./commands/up.ts")).upCommand,
  dev: async () => (await import("./commands/dev.ts")).devCommand,
  init: async () => (await import("./commands/init.ts")).initCommand,
  build: async () => (await import("./commands/build.ts")).buildCommand,
  types: async () => (await import("./commands/types.ts")).typesCommand,
  push: async () => (await import("./commands/push.ts")).pushCommand,
  deploy: async () => (await import("./commands/deploy.ts")).deployCommand,
  rollback: async () => (await import("./commands/rollback.ts")).rollbackCommand,
  rm: async () => (await import("./commands/rm.ts")).rmCommand,
  ls: async () => (await import("./commands/ls.ts")).lsCommand,
  ps: async () => (await import("./commands/ps.ts")).psCommand,
  revisions: async () => (await import("./commands/revisions.ts")).revisionsCommand,
  nodes: async () => (await import("./commands/nodes.ts")).nodesCommand,
  invoke: async () => (await import("./commands/invoke.ts")).invokeCommand,
  files: async () => (await import("./commands/files.ts")).filesCommand,
  run: async () => (await import("./commands/run.ts")).runCommand,
  keys: async () => (await import("./commands/keys.ts")).keysCommand,
  secret: async () => (await import("./commands/secret.ts")).secretCommand,
  token: async () => (await import("./commands/token.ts")).tokenCommand,
  tenant: async () => (await import("./commands/tenant.ts")).tenantCommand,
  network: async () => (await import("./commands/network.ts")).networkCommand,
  runtara: async () => (await import("./commands/runtara.ts")).runtaraCommand,
  logs: async () => (await import("./commands/logs.ts")).logsCommand,
  schedule: async () => (await import("./commands/schedule.ts")).scheduleCommand,
  workflow: async () => (await import("./commands/workflow.ts")).workflowCommand,
  services: async () => (await import("./commands/services.ts")).servicesCommand,
  mcp: async () => (await import("./commands/mcp.ts")).mcpCommand,
  events: async () => (await import("./commands/events.ts")).eventsCommand,
  dlq: async () => (await import("./commands/dlq.ts")).dlqCommand,
  gateway: async () => (await import("./commands/gateway.ts")).gatewayCommand,
  node: async () => (await import("./commands/node.ts")).nodeCommand,
  config: async () => (await import("./commands/config.ts")).configCommand,
  doctor: async () => (await import("./commands/doctor.ts")).doctorCommand,
};

export const commandNames: readonly string[] = Object.keys(LOADERS);

/** The commands of the names, in the order of the help. */
export function loadCommands(names: readonly string[] = commandNames): Promise<AnyCommand[]> {
  const loaders = Object.entries(LOADERS).filter(([name]) => names.includes(name));
  return Promise.all(loaders.map(([, load]) => load()));
}
