/** The SDK's copies of narun's contracts: authors' compilers read them, and know no types of Node. */
import { expect, it } from "vitest";
import { z } from "zod";
import {
  compileTemplate,
  errorCatalogue,
  pathOfSubject,
  routeKey,
  routesOfAction,
  routingPath,
  ServiceDescriptionSchema,
} from "../../contracts/index.ts";
import { service } from "../../functions/sdk/index.ts";
import type { Description } from "../../functions/sdk/service/description.ts";
import { PROBLEMS } from "../../functions/sdk/service/problem.ts";
import { compile } from "../../functions/sdk/service/template.ts";

it("has the titles and statuses of the error catalogue", () => {
  for (const [code, { title, status }] of Object.entries(PROBLEMS))
    expect(errorCatalogue[code as keyof typeof PROBLEMS]).toMatchObject({ title, status });
});

it("describes a service as the contract does", () => {
  const whole = service({
    ...{ name: "s", version: "1.0.0", description: "It", requires: ["t"], whenPaused: "refuse" },
    errors: { E: { status: 404, data: z.object({ id: z.string() }) } },
  })
    .action(
      "a",
      {
        ...{ description: "It acts", path: "s/{id}", method: "PUT", subject: "s.a.{id}" },
        ...{
          input: z.object({ id: z.string() }),
          output: z.string(),
          errors: ["E"],
          readOnly: false,
          tool: true,
        },
      },
      ({ id }) => id,
    )
    .on("e.>", { name: "e", durable: true, since: new Date(0), schema: z.string(), maxDeliver: 3 }, () => 1);
  const description: Description = whole.describe();
  expect(ServiceDescriptionSchema.parse(description)).toEqual(description);
  expect(description.actions[0]).toMatchObject({ isIdempotent: true, isTool: true });
  expect(description.events[0]).toMatchObject({ since: "1970-01-01T00:00:00.000Z", maxDeliver: 3 });
});

const COMMON = { method: "POST" as const, errors: [], isReadOnly: false, isIdempotent: false, isTool: false };
/** The paths that the gateway's routes of an action take. */
const gatewayTakes = (subject: string, path: string | undefined, request: string) =>
  routesOfAction({ ...COMMON, name: "a", subject, ...(path === undefined ? {} : { path }) }).some(
    ({ path: route }) => {
      const isPrefix = route.endsWith("/*");
      const { source } = compileTemplate(routeKey(isPrefix ? route.slice(0, -1) : route));
      return new RegExp(isPrefix ? source.slice(0, -1) : source).test(routingPath(request));
    },
  );
/** The paths that the service itself takes. */
const serviceTakes = (subject: string, path: string | undefined, request: string) =>
  compile(subject, ".").match(request) !== undefined ||
  (path !== undefined && compile(path, "/").match(request) !== undefined);

it.each([
  ["s.pay", undefined, "/s.pay", true],
  ["s.pay", undefined, "/s.payed", false],
  ["s.pay", undefined, "/sxpay", false],
  ["s.item.{id}.pay", undefined, "/s.item.7.pay", true],
  ["s.item.{id}.pay", undefined, "/s.item.7.8.pay", false],
  ["s.item.{id}.pay", undefined, "/s.item..pay", false],
  ["s.item.*", undefined, "/s.item.x%20y", true],
  ["s.files.>", undefined, "/s.files.a.b.c", true],
  ["s.files.>", undefined, "/s.files.", false],
  ["s.a", "/s/{id}/pay", "/s/7/pay", true],
  ["s.a", "/s/{id}/pay", "/s/7.5/pay", true],
  ["s.a", "/s/{id}/pay", "/s/7/8/pay", false],
  ["s.a", "/s/{id}", "/s/", false],
  ["s.a", "/s/*/x", "/s/7/x", true],
  ["s.a", "/s/>", "/s/a/b/c", true],
  ["s.a", "/s/v{", "/s/v", false],
])(
  "takes the same requests as the gateway: subject %s, path %s, request %s",
  (subject, path, request, takes) => {
    expect(gatewayTakes(subject, path, request)).toBe(takes);
    expect(serviceTakes(subject, path, request)).toBe(takes);
  },
);

it("gives a subject the path of its request", () => {
  expect(pathOfSubject("s.item.a/b?c#d.é")).toBe("/s.item.a%2Fb%3Fc%23d.%C3%A9");
});
