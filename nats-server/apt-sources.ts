/** One `deb` entry of apt's sources. */
export interface AptEntry {
  uris: string[];
  suites: string[];
  components: string[];
  /** Paths of keyrings, or an embedded key with its continuation lines as written. */
  signedBy?: string;
}

/** A Debian or Ubuntu mirror that the machine uses, and the suites of it that may have a recent nats-server, newest first. */
export interface AptMirror {
  uri: string;
  signedBy?: string;
  components: string[];
  suites: string[];
}

/** Parses a file of apt's sources: deb822 (`.sources`) or one entry a line (`.list`). See sources.list(5). */
export function parseAptSources(fileName: string, text: string): AptEntry[] {
  return fileName.endsWith(".sources") ? parseDeb822(text) : parseOneLine(text);
}

/** The values of an os-release(5) file. */
export function parseOsRelease(text: string): Map<string, string> {
  const values = new Map<string, string>();
  for (const line of text.split("\n")) {
    const match = /^([A-Z_]+)=["']?(.*?)["']?\s*$/.exec(line);
    if (match?.[1] !== undefined) values.set(match[1], match[2] ?? "");
  }
  return values;
}

/** Picks the distribution's own mirror out of apt's entries; undefined on other distributions, or where there is none. */
export function decideAptMirror(
  entries: readonly AptEntry[],
  osRelease: Map<string, string>,
): AptMirror | undefined {
  const distribution = distributionOf(osRelease);
  if (distribution === undefined) return undefined;
  const codename = osRelease.get("UBUNTU_CODENAME") || osRelease.get("VERSION_CODENAME") || "";
  const ownSuites = new Set([codename, ...distribution.suites]);
  const candidates = entries.flatMap((entry) =>
    entry.components.includes("main") && entry.suites.some((suite) => ownSuites.has(suite))
      ? entry.uris.filter((uri) => !uri.startsWith("cdrom:")).map((uri) => ({ uri, entry }))
      : [],
  );
  // A third party may call its suite by the codename too; only the distribution's own mirror carries `-updates` of it.
  const carriesUpdates = (uri: string) =>
    entries.some(
      ({ uris, suites }) => uris.includes(uri) && suites.some((suite) => suite.endsWith("-updates")),
    );
  const chosen = candidates.find(({ uri }) => carriesUpdates(uri)) ?? candidates[0];
  if (chosen === undefined) return undefined;
  const { uri, entry } = chosen;
  return {
    uri,
    ...(entry.signedBy === undefined ? {} : { signedBy: entry.signedBy }),
    components: distribution.components,
    suites: [...distribution.suites, ...(codename === "" ? [] : [`${codename}-backports`, codename])],
  };
}

/** A deb822 entry for one suite of a mirror, for the package index alone. */
export function formatAptSource(mirror: AptMirror, suite: string, architecture: string): string {
  return [
    "Types: deb",
    `URIs: ${mirror.uri}`,
    `Suites: ${suite}`,
    `Components: ${mirror.components.join(" ")}`,
    `Architectures: ${architecture}`,
    // Neither translations nor software-centre metadata nor file lists.
    "Targets: Packages",
    "Languages: none",
    ...(mirror.signedBy === undefined ? [] : [`Signed-By: ${mirror.signedBy}`]),
    "",
  ].join("\n");
}

interface Distribution {
  /** Aliases of the suites newer than a release, newest first. */
  suites: string[];
  /** Where nats-server is. */
  components: string[];
}

const DISTRIBUTIONS: Record<"debian" | "ubuntu", Distribution> = {
  debian: { suites: ["sid", "testing"], components: ["main"] },
  ubuntu: { suites: ["devel"], components: ["main", "universe"] },
};

function distributionOf(osRelease: Map<string, string>): Distribution | undefined {
  const ids = [osRelease.get("ID") ?? "", ...(osRelease.get("ID_LIKE") ?? "").split(" ")];
  // Ubuntu is like Debian, so a derivative of Ubuntu names both.
  if (ids.includes("ubuntu")) return DISTRIBUTIONS.ubuntu;
  return ids.includes("debian") ? DISTRIBUTIONS.debian : undefined;
}

function parseDeb822(text: string): AptEntry[] {
  const lines = text.split("\n").filter((line) => !line.startsWith("#"));
  return lines
    .join("\n")
    .split(/\n\s*\n/)
    .flatMap((paragraph) => {
      const fields = parseFields(paragraph);
      const words = (field: string) => (fields.get(field) ?? "").split(/\s+/).filter((word) => word !== "");
      const isEnabled = !/^(no|false|without|off|disable|0)$/i.test(fields.get("enabled") ?? "yes");
      if (!isEnabled || !words("types").includes("deb")) return [];
      const signedBy = fields.get("signed-by");
      return [
        {
          uris: words("uris"),
          suites: words("suites"),
          components: words("components"),
          ...(signedBy === undefined ? {} : { signedBy }),
        },
      ];
    });
}

function parseFields(paragraph: string): Map<string, string> {
  const fields = new Map<string, string>();
  let current: string | undefined;
  for (const line of paragraph.split("\n")) {
    const match = /^([A-Za-z0-9-]+):\s*(.*?)\s*$/.exec(line);
    if (match?.[1] !== undefined) {
      current = match[1].toLowerCase();
      fields.set(current, match[2] ?? "");
    } else if (current !== undefined && /^\s+\S/.test(line)) {
      fields.set(current, `${fields.get(current)}\n${line}`);
    }
  }
  return fields;
}

function parseOneLine(text: string): AptEntry[] {
  return text.split("\n").flatMap((line) => {
    const match = /^\s*deb\s+(?:\[([^\]]*)\]\s+)?(\S+)\s+(\S+)\s*([^#]*)/.exec(line);
    if (match?.[2] === undefined || match[3] === undefined) return [];
    const signedBy = /(?:^|\s)signed-by=(\S+)/i.exec(match[1] ?? "")?.[1]?.replaceAll(",", " ");
    return [
      {
        uris: [match[2]],
        suites: [match[3]],
        components: (match[4] ?? "").split(/\s+/).filter((word) => word !== ""),
        ...(signedBy === undefined ? {} : { signedBy }),
      },
    ];
  });
}
