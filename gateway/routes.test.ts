import { describe, expect, it } from "vitest";
import { createRouteTable } from "./routes.ts";
import { specOf } from "./testing/world.ts";

const staticRoute = (path: string, service: string, methods: string[] = []) => ({ path, service, methods });
const table = createRouteTable(
  [
    specOf("site", { routes: [{ path: "/*" }] }),
    specOf("shop", {
      routes: [{ path: "/shop" }, { path: "/shop/*" }, { path: "/shop/cart/*", methods: ["GET"] }],
    }),
    specOf("tie", { routes: [{ path: "/static/*" }, { path: "/grüße" }] }),
    specOf("also-tie", { routes: [{ path: "/grüße" }] }),
  ],
  {
    routes: [
      staticRoute("/static/", "files"),
      staticRoute("/users", "reader", ["GET"]),
      staticRoute("/users", "writer", ["POST", "PUT"]),
      { grpc: "pkg.Svc", service: "rpc", methods: [] },
    ],
  },
);
const narrow = createRouteTable([specOf("fn", { routes: [{ path: "/fn", methods: ["GET", "DELETE"] }] })]);

const serviceOf = (method: string, path: string) => {
  const match = table.match(method, path);
  return match.kind === "route" ? match.route.service : match.kind;
};

describe("the route table", () => {
  it.each([
    ["GET", "/shop", "shop"],
    ["GET", "/shop/", "shop"],
    ["GET", "/shop/a/b", "shop"],
    ["GET", "/shopping", "site"],
    ["GET", "/", "site"],
    ["GET", "/static/x", "files"],
    ["GET", "/static", "site"],
    ["GET", "/users", "reader"],
    ["HEAD", "/users", "reader"],
    ["POST", "/users", "writer"],
    // A shorter route that takes the method serves the request.
    ["DELETE", "/users", "site"],
    ["POST", "/shop/cart/1", "shop"],
    ["GET", "/%73hop", "shop"],
    ["GET", "/shop%2Fcart", "site"],
    ["GET", "/gr%C3%BC%C3%9Fe", "also-tie"],
  ])("%s %s goes to %s", (method, path, service) => {
    expect(serviceOf(method, path)).toBe(service);
  });

  it("tells the pattern of the route, and not the path", () => {
    expect(table.match("GET", "/shop/cart/17")).toMatchObject({ route: { pattern: "/shop/cart/*" } });
  });

  it("tells which methods a path takes", () => {
    expect(narrow.match("POST", "/fn")).toEqual({
      kind: "method-not-allowed",
      pattern: "/fn",
      allow: ["DELETE", "GET", "HEAD"],
    });
    expect(narrow.match("GET", "/other")).toEqual({ kind: "none", nearest: undefined });
  });

  const near = createRouteTable([
    specOf("alone", { routes: [{ path: "/s" }, { path: "/s/deep" }] }),
    specOf("below", { routes: [{ path: "/t/*" }] }),
  ]);
  it.each([
    ["/s/", "/s"],
    ["/s/x/y", "/s"],
    ["/s/deep/x", "/s/deep"],
    ["/%73/x", "/s"],
    ["/t", "/t/*"],
    ["/u", undefined],
    ["/sx", undefined],
    ["/", undefined],
  ])("tells of %s that it is near %s", (path, nearest) => {
    expect(near.match("GET", path)).toEqual({ kind: "none", nearest });
  });
});

describe("routes with parameters", () => {
  const action = (subject: string, path?: string, method: "GET" | "POST" = "POST") => ({
    ...{
      name: "a",
      subject,
      method,
      errors: [],
      isReadOnly: method === "GET",
      isIdempotent: false,
      isTool: false,
    },
    ...(path === undefined ? {} : { path }),
  });
  const described = (...actions: ReturnType<typeof action>[]) => ({
    ...{ version: "1.0.0", requires: [], whenPaused: "hold" as const, events: [], actions },
  });
  const parameters = createRouteTable([
    specOf("site", { routes: [{ path: "/*" }] }),
    specOf("users", { routes: [{ path: "/users/{id}" }, { path: "/users/me" }] }),
    {
      ...specOf("orders", {}),
      interface: described(
        action("orders.pay", "/orders/{id}/pay"),
        action("orders.get", "/shelf/{id}", "GET"),
        action("orders.item.{id}.*.pay"),
      ),
    },
    { ...specOf("private", { routes: [] }), interface: described(action("private.do")) },
  ]);
  const find = (method: string, path: string) => {
    const match = parameters.match(method, path);
    return match.kind === "route" ? `${match.route.service} ${match.route.pattern}` : match.kind;
  };

  it.each([
    ["GET", "/users/me", "users /users/me"],
    ["GET", "/users/7", "users /users/{id}"],
    ["GET", "/users/7/x", "site /*"],
    ["GET", "/users/", "site /*"],
    ["POST", "/orders/7/pay", "orders /orders/{id}/pay"],
    ["POST", "/orders.pay", "orders /orders.pay"],
    ["GET", "/orders.pay", "site /*"],
    ["GET", "/orders.get", "orders /orders.get"],
    ["HEAD", "/shelf/7", "orders /shelf/{id}"],
    ["DELETE", "/shelf/7", "site /*"],
    ["POST", "/orders.item.7.8.pay", "orders /orders.item.{id}.{_1}.pay"],
    ["POST", "/private.do", "site /*"],
  ])("%s %s goes to %s", (method, path, expected) => expect(find(method, path)).toBe(expected));

  it("tells the methods of a path whose route does not take the method", () => {
    const alone = createRouteTable([
      { ...specOf("orders", {}), interface: described(action("orders.get", "/shelf/{id}", "GET")) },
    ]);
    expect(alone.match("DELETE", "/shelf/7")).toMatchObject({
      kind: "method-not-allowed",
      allow: ["GET", "HEAD"],
    });
  });
});
