import { describe, expect, it } from "vitest";
import { URLPattern } from "./urlpattern.ts";

const groupsOf = (pattern: unknown, url: string, options?: unknown) => {
  const result = new URLPattern(pattern, ...(options === undefined ? [] : [options])).exec(url);
  return result === null ? null : { ...result.hostname.groups, ...result.pathname.groups };
};

describe("URLPattern", () => {
  it("tells the groups of a path and of a host", () => {
    expect(groupsOf({ pathname: "/users/:id/*" }, "https://a.test/users/7/posts/8")).toEqual({
      id: "7",
      0: "posts/8",
    });
    expect(groupsOf("https://:tenant.example.com/pages/:page?", "https://acme.example.com/pages")).toEqual({
      tenant: "acme",
      page: undefined,
    });
    expect(groupsOf({ pathname: "/:year(\\d{4})" }, "https://a.test/26")).toBeNull();
  });

  it("takes the parts of a constructor string apart, and leaves what it does not name open", () => {
    const { protocol, username, hostname, port, pathname, search, hash } = new URLPattern(
      "http{s}?://*.example.com:8080/a{/b}?\\?q=:q",
    );
    expect({ protocol, username, hostname, port, pathname, search, hash }).toEqual({
      protocol: "http{s}?",
      username: "*",
      hostname: "*.example.com",
      port: "8080",
      pathname: "/a{/b}?",
      search: "q=:q",
      hash: "*",
    });
  });

  it("resolves against a base, and knows a default port", () => {
    const pattern = new URLPattern("../b/:c", "https://a.test:443/x/y/z");
    expect([pattern.port, pattern.pathname, pattern.search]).toEqual(["", "/x/b/:c", "*"]);
    expect(pattern.test("/x/b/1", "https://a.test")).toBe(true);
    expect(pattern.test("https://a.test:444/x/b/1")).toBe(false);
  });

  it("ignores case where it is told to, and says whether it has regular expressions", () => {
    expect(groupsOf({ pathname: "/Users" }, "https://a.test/users")).toBeNull();
    expect(groupsOf({ pathname: "/Users" }, "https://a.test/users", { ignoreCase: true })).not.toBeNull();
    expect(new URLPattern({ pathname: "/(\\d+)" }).hasRegExpGroups).toBe(true);
    expect(new URLPattern({ pathname: "/:id" }).hasRegExpGroups).toBe(false);
  });

  it.each(["(", "/:a/:a", "/{a", "/(a(b))", "/([z-a])"])("refuses %j", (pathname) => {
    expect(() => new URLPattern({ pathname })).toThrow(TypeError);
  });

  it("matches nothing with what is no URL", () => {
    expect(new URLPattern({ pathname: "/*" }).test("no url")).toBe(false);
    expect(() => new URLPattern("/relative")).toThrow(TypeError);
    expect(() => new URLPattern({}).test({}, "https://a.test")).toThrow(TypeError);
  });
});
