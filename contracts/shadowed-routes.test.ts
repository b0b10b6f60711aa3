import { describe, expect, it } from "vitest";
import { findShadowedRoutes } from "./shadowed-routes.ts";

describe("findShadowedRoutes", () => {
  it("finds the route that two functions share, for the one that is not called", () => {
    const found = findShadowedRoutes([
      { name: "b", routes: [{ path: "/z" }, { path: "/own" }] },
      { name: "a", routes: [{ path: "/z" }] },
    ]);
    expect([...found]).toEqual([["b", [{ path: "/z", by: "a" }]]]);
  });

  it("compares prefixes with prefixes, exact paths with exact ones, and both as they are routed", () => {
    const found = findShadowedRoutes([
      { name: "a", routes: [{ path: "/x/*" }, { path: "/gr%C3%BCn" }] },
      { name: "b", routes: [{ path: "/x/y" }, { path: "/grün" }] },
      { name: "c", routes: [{ path: "/x/*" }] },
    ]);
    expect(Object.fromEntries(found)).toEqual({
      b: [{ path: "/grün", by: "a" }],
      c: [{ path: "/x/*", by: "a" }],
    });
  });

  it("lets functions share a path by different methods, and names the methods that they share", () => {
    const found = findShadowedRoutes([
      { name: "a", routes: [{ path: "/z", methods: ["GET"] }] },
      { name: "b", routes: [{ path: "/z", methods: ["POST"] }] },
      { name: "c", routes: [{ path: "/z", methods: ["GET", "PUT"] }] },
    ]);
    expect([...found]).toEqual([["c", [{ path: "/z", methods: ["GET"], by: "a" }]]]);
  });

  it("finds actions whose paths another function answers, whatever their parameters are called", () => {
    const shared = { errors: [], isReadOnly: false, isIdempotent: false, isTool: false };
    const place = { subject: "b.get", method: "POST" as const, path: "/things/{id}" };
    const actions = [{ ...shared, ...place, name: "get" }];
    const found = findShadowedRoutes([
      { name: "a", routes: [{ path: "/things/{thing}" }] },
      {
        ...{ name: "b", routes: [{ path: "/b" }] },
        interface: { version: "1.0.0", requires: [], whenPaused: "hold", events: [], actions },
      },
    ]);
    expect(found).toEqual(new Map([["b", [{ path: "/things/{id}", by: "a" }]]]));
  });
});
