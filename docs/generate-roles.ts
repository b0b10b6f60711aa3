/** Writes docs/roles.md from the table of roles: `npm run docs`. */
import { writeFileSync } from "node:fs";
import { ROLES, roleRights, type SubjectRights } from "../contracts/index.ts";

/** The text of docs/roles.md. */
export function renderRoles(): string {
  return `${[
    "# Roles",
    "<!-- `npm run docs` writes this page from contracts/identity/roles.ts. -->",
    [
      "The users of a [network](network.md) have one of these roles. `{{name()}}` is the user's own name.",
      "`{{tag(…)}}` is a name in a [host's login](security.md#logins-of-hosts). `*` in the second place of a",
      "subject of narun is any world. `never` wins over the other lines.",
    ].join("\n"),
    ...ROLES.flatMap((role) => {
      const { says, publish, subscribe } = roleRights[role];
      return [`## ${role}`, `It ${says}.`, list("publishes", publish), list("hears", subscribe)];
    }),
  ].join("\n\n")}\n`;
}

function list(verb: string, { allow, deny = [] }: SubjectRights): string {
  const lines = [...new Set(allow)].map((subject) => `${verb}  ${subject}`);
  const never = [...new Set(deny)].map((subject) => `never  ${subject}`);
  return ["```", ...lines, ...never, "```"].join("\n");
}

if (import.meta.main) writeFileSync(new URL("roles.md", import.meta.url), renderRoles());
