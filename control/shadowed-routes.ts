import { findShadowedRoutes, type ShadowedRoute, type Spec } from "../contracts/index.ts";
import { type KvRead, type Nats, openSpecs } from "../nats/index.ts";

/** A route of a function that another function answers. */
export interface ShadowedFunction extends ShadowedRoute {
  function: string;
}

/** The routes of a function that other functions answer, and the routes of others that it answers. */
export async function findShadowedBeside(nats: Nats, name: string): Promise<ShadowedFunction[]> {
  return [...shadowedRoutesOf(await (await openSpecs(nats)).list())]
    .flatMap(([shadowed, routes]) => routes.map((route) => ({ function: shadowed, ...route })))
    .filter((one) => one.function === name || one.by === name);
}

/** The routes that another function answers, by the name of their owner. Unreadable specs are left out. */
export function shadowedRoutesOf(specs: readonly KvRead<Spec>[]): Map<string, ShadowedRoute[]> {
  return findShadowedRoutes(
    specs.flatMap((read) => (read.ok && read.value.kind === "function" ? [read.value.spec] : [])),
  );
}

/** The conflict, and its remedy, for a person. */
export function describeShadowed({ function: name, path, methods, by }: ShadowedFunction): string {
  const what = methods === undefined ? path : `${methods.join(", ")} ${path}`;
  return `${by} answers ${what}, which is a route of ${name} too: ${name} is not called there. Give one of them another route.`;
}
