/** The lock file is complete: `npm install` in a fresh clone adds nothing to it, so the tree stays clean. */
import { readFileSync } from "node:fs";
import { expect, it } from "vitest";

interface LockedPackage {
  version?: string;
  resolved?: string;
  optionalDependencies?: Record<string, string>;
}

const lock: { packages: Record<string, LockedPackage> } = JSON.parse(
  readFileSync(new URL("../package-lock.json", import.meta.url), "utf8"),
);

/** The places of `name` for the package at `path`: nested in it, or in any folder above. */
function placesOf(name: string, path: string): string[] {
  const places = [`${path}/node_modules/${name}`];
  for (let above = path; above !== ""; ) {
    above = above.slice(0, Math.max(0, above.lastIndexOf("node_modules/") - 1));
    places.push(above === "" ? `node_modules/${name}` : `${above}/node_modules/${name}`);
  }
  return places;
}

it("locks the packages of every platform", () => {
  const missing = Object.entries(lock.packages).flatMap(([path, { optionalDependencies = {} }]) =>
    Object.keys(optionalDependencies).filter(
      (name) => path !== "" && !placesOf(name, path).some((place) => place in lock.packages),
    ),
  );
  expect(missing).toEqual([]);
});

it("names no place that packages were downloaded from", () => {
  expect(Object.entries(lock.packages).filter(([, { resolved }]) => resolved?.startsWith("http"))).toEqual(
    [],
  );
});
