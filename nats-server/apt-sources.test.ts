import { expect, test } from "vitest";
import { decideAptMirror, formatAptSource, parseAptSources, parseOsRelease } from "./apt-sources.ts";

const debian = parseOsRelease('ID=debian\nVERSION_CODENAME=bookworm\nPRETTY_NAME="Debian 12"\n');
const ubuntu = parseOsRelease("ID=ubuntu\nID_LIKE=debian\nVERSION_CODENAME=noble\n");

test("reads deb822 sources, with comments, disabled entries, and a key in the file", () => {
  const text = [
    "# a comment",
    "Types: deb deb-src",
    "# another",
    "URIs: http://mirror.example/debian",
    "Suites: bookworm bookworm-updates",
    "Components: main contrib",
    "Signed-By: /usr/share/keyrings/a.gpg",
    "",
    "Enabled: no",
    "Types: deb",
    "URIs: http://off.example/",
    "Suites: off",
    "",
    "types: deb",
    "URIs: http://key.example/",
    "Suites: keyed",
    "Components: main",
    "Signed-By:",
    " -----BEGIN PGP PUBLIC KEY BLOCK-----",
    " .",
    " abc",
  ].join("\n");
  expect(parseAptSources("a.sources", text)).toEqual([
    {
      uris: ["http://mirror.example/debian"],
      suites: ["bookworm", "bookworm-updates"],
      components: ["main", "contrib"],
      signedBy: "/usr/share/keyrings/a.gpg",
    },
    {
      uris: ["http://key.example/"],
      suites: ["keyed"],
      components: ["main"],
      signedBy: "\n -----BEGIN PGP PUBLIC KEY BLOCK-----\n .\n abc",
    },
  ]);
});

test("reads one-line sources, with options and comments", () => {
  const text = [
    "# deb http://off.example/ bookworm main",
    "deb [ arch=amd64 signed-by=/usr/share/keyrings/a.gpg ] http://mirror.example/debian bookworm main contrib # why",
    "deb-src http://mirror.example/debian bookworm main",
    "deb http://plain.example/debian bookworm main",
  ].join("\n");
  expect(parseAptSources("sources.list", text)).toEqual([
    {
      uris: ["http://mirror.example/debian"],
      suites: ["bookworm"],
      components: ["main", "contrib"],
      signedBy: "/usr/share/keyrings/a.gpg",
    },
    { uris: ["http://plain.example/debian"], suites: ["bookworm"], components: ["main"] },
  ]);
});

const entry = (uri: string, suites: string[], components = ["main"]) => ({ uris: [uri], suites, components });

test.each([
  [
    "the distribution's own, not a third party's that uses the codename too",
    debian,
    [
      entry("http://third.example/", ["bookworm"]),
      entry("http://security.example/", ["bookworm-security"]),
      entry("http://mirror.example/debian", ["bookworm", "bookworm-updates"]),
    ],
    {
      uri: "http://mirror.example/debian",
      components: ["main"],
      suites: ["sid", "testing", "bookworm-backports", "bookworm"],
    },
  ],
  [
    "one without updates, as of a machine on sid",
    debian,
    [entry("cdrom:[disc]/", ["bookworm"]), entry("http://mirror.example/debian", ["sid"])],
    {
      uri: "http://mirror.example/debian",
      components: ["main"],
      suites: ["sid", "testing", "bookworm-backports", "bookworm"],
    },
  ],
  [
    "Ubuntu's, where the package is in universe",
    ubuntu,
    [entry("http://mirror.example/ubuntu", ["noble", "noble-updates"], ["main", "universe"])],
    {
      uri: "http://mirror.example/ubuntu",
      components: ["main", "universe"],
      suites: ["devel", "noble-backports", "noble"],
    },
  ],
  [
    "none of another distribution",
    parseOsRelease("ID=fedora\n"),
    [entry("http://mirror.example/", ["bookworm"])],
    undefined,
  ],
  ["none where there is no such entry", debian, [entry("http://third.example/", ["nodistro"])], undefined],
])("picks %s", (_title, osRelease, entries, expected) => {
  expect(decideAptMirror(entries, osRelease)).toEqual(expected);
});

test("writes an entry for the package index of one suite alone", () => {
  const mirror = {
    uri: "http://mirror.example/debian",
    components: ["main"],
    suites: ["sid"],
    signedBy: "/usr/share/keyrings/a.gpg",
  };
  const text = formatAptSource(mirror, "sid", "amd64");
  expect(text).toContain("Targets: Packages\n");
  expect(parseAptSources("a.sources", text)).toEqual([
    {
      uris: ["http://mirror.example/debian"],
      suites: ["sid"],
      components: ["main"],
      signedBy: "/usr/share/keyrings/a.gpg",
    },
  ]);
});
