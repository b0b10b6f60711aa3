/** React renders on the server, whole and as a stream; GraphQL Yoga answers queries and streams subscriptions. */
import { afterAll, describe, expect, it } from "vitest";
import { eventually } from "../harness/eventually.ts";
import { startWorld } from "../harness/world.ts";

const world = await startWorld();
afterAll(() => world[Symbol.asyncDispose]());

describe("react-dom/server", () => {
  const files = {
    "index.tsx": `
      import { renderToReadableStream, renderToStaticMarkup } from "react-dom/server";
      import { Page, release } from "./page.tsx";
      export default async (request: Request) => {
        const { pathname, searchParams } = new URL(request.url);
        if (pathname === "/react/release") return new Response(release());
        if (pathname === "/react/static") return new Response(renderToStaticMarkup(<Page fails={false} />));
        const errors: string[] = [];
        const stream = await renderToReadableStream(<Page fails={searchParams.has("fails")} />, {
          signal: request.signal,
          bootstrapModules: ["/client.js"],
          onError: (error) => { errors.push(String(error)); console.error(error); return "digest"; },
        });
        if (searchParams.has("all")) await stream.allReady;
        return new Response(stream, { headers: { "Content-Type": "text/html; charset=utf-8" } });
      };
    `,
    "page.tsx": `
      import { Component, createContext, Suspense, use, useContext, useId, useMemo, useState, type ReactNode } from "react";
      const Theme = createContext("light");
      const released = Promise.withResolvers<string>();
      /** The data of the slow part, which another request releases. */
      export const release = () => { released.resolve("loaded"); return "released"; };
      function Slow({ data }: { data: Promise<string> }) {
        return <p className={useContext(Theme)}>{use(data)}</p>;
      }
      function Fails(): ReactNode {
        throw new Error("this part fails");
      }
      function Counter() {
        const [count] = useState(3);
        const id = useId();
        const double = useMemo(() => 2 * count, [count]);
        return <label htmlFor={id}>{count} {double} {"<&>"}</label>;
      }
      class Old extends Component<{ name: string }> {
        render() { return <b style={{ fontSize: 12 }}>{this.props.name}</b>; }
      }
      export function Page({ fails }: { fails: boolean }) {
        const data = released.promise;
        return (
          <html lang="en">
            <head><title>Shop</title></head>
            <body>
              <Theme value="dark">
                <Old name="Ada" />
                <Counter />
                <Suspense fallback={<i>loading</i>}><Slow data={data} /></Suspense>
                {fails && <Suspense fallback={<i>sorry</i>}><Fails /></Suspense>}
              </Theme>
            </body>
          </html>
        );
      }
    `,
  };
  // React's own transform of JSX, as in its packages.
  const entry = { ...files, "tsconfig.json": '{ "compilerOptions": { "jsx": "react-jsx" } }' };

  it("streams a page: what is ready first, what was waited for behind it", async () => {
    await world.push("react", entry);
    const response = await world.fetch("/react");
    expect(response.headers.get("content-type")).toBe("text/html; charset=utf-8");
    const reader = response.body?.pipeThrough(new TextDecoderStream()).getReader();
    let page = "";
    while (!page.includes("</body>") && !page.includes("<i>loading</i>"))
      page += (await reader?.read())?.value;
    expect(page).toMatch(/^<!DOCTYPE html><html lang="en">/);
    expect(page).not.toContain("loaded");
    expect((await world.call("/react/release")).text).toBe("released");
    for (let next = await reader?.read(); next?.done === false; next = await reader?.read())
      page += next.value;
    expect(page).toContain('<b style="font-size:12px">Ada</b>');
    expect(page).toMatch(/<label for="[^"]+">3<!-- --> <!-- -->6<!-- --> <!-- -->&lt;&amp;&gt;<\/label>/);
    expect(page).toContain('<p class="dark">loaded</p>');
    expect(page).toContain('src="/client.js"');
  });

  it("renders whole, as crawlers want it, and as static markup", async () => {
    const all = await world.call("/react?all");
    expect(all.text).toContain('<p class="dark">loaded</p>');
    expect(all.text).not.toContain("<i>loading</i>");
    expect((await world.call("/react/static")).text).toMatch(
      /^<html lang="en">.*<b style="font-size:12px">Ada<\/b>/,
    );
  });

  it("shows the fallback of a part that fails, and logs the author's place", async () => {
    const { status, text } = await world.call("/react?fails");
    expect(status).toBe(200);
    expect(text).toContain("<i>sorry</i>");
    expect(text).toContain("</html>");
    await eventually(async () => {
      const lines = (await world.logs("react")).map(({ message }) => message);
      expect(lines).toContainEqual(
        expect.stringMatching(/^Error: this part fails\n\s+at Fails \(page\.tsx:11:\d+\)/),
      );
    });
  });
});

describe("GraphQL Yoga", () => {
  const source = `
    import { createPubSub, createSchema, createYoga, Repeater } from "graphql-yoga";
    const books = [{ id: "1", title: "Notes", year: 1843 }];
    const yoga = createYoga({
      graphqlEndpoint: "/graphql",
      landingPage: false,
      schema: createSchema({
        typeDefs: \`
          type Book { id: ID! title: String! year: Int }
          type Query { books(from: Int): [Book!]! slow: String! fails: String hello(name: String!): String! who: String }
          type Mutation { add(title: String!): Book! }
          type Subscription { countdown(from: Int!): Int! }
        \`,
        resolvers: {
          Query: {
            books: (_, { from = 0 }) => books.filter(({ year }) => (year ?? from) >= from),
            slow: () => new Promise((resolve) => setTimeout(() => resolve("done"), 5)),
            fails: () => { throw new Error("internal detail"); },
            hello: (_, { name }) => "Hello, " + name,
            who: (_, args, context) => context.NAME + " " + context.request.headers.get("x-user"),
          },
          Mutation: { add: (_, { title }) => { const book = { id: String(books.length + 1), title }; books.push(book); return book; } },
          Subscription: {
            countdown: {
              subscribe: async function* (_, { from }) {
                for (let n = from; n >= 0; n--) { await new Promise((resolve) => setTimeout(resolve, 2)); yield { countdown: n }; }
              },
            },
          },
        },
      }),
    });
    export default { fetch: (request, env) => yoga.fetch(request, env) };
  `;
  const query = (body: object, headers = {}) =>
    world.call("/graphql", {
      method: "POST",
      headers: { "content-type": "application/json", accept: "application/json", ...headers },
      body: JSON.stringify(body),
    });
  const dataOf = async (body: object, headers = {}) => JSON.parse((await query(body, headers)).text);

  it("answers queries and mutations, with variables and context", async () => {
    await world.push("graphql", source, { env: [{ name: "NAME", value: "Ada" }] });
    expect(await dataOf({ query: "{ books(from: 1800) { id title } slow }" })).toEqual({
      data: { books: [{ id: "1", title: "Notes" }], slow: "done" },
    });
    const hello = { query: "query Q($name: String!) { hello(name: $name) who }", variables: { name: "Eve" } };
    expect(await dataOf(hello, { "x-user": "u1" })).toEqual({ data: { hello: "Hello, Eve", who: "Ada u1" } });
    expect(await dataOf({ query: 'mutation { add(title: "Sketch") { id } }' })).toEqual({
      data: { add: { id: "2" } },
    });
    const get = await world.call(`/graphql?query=${encodeURIComponent("{ books { year } }")}`);
    expect(JSON.parse(get.text)).toEqual({ data: { books: [{ year: 1843 }, { year: null }] } });
  });

  it("says what is wrong with a query, and nothing of what went wrong inside", async () => {
    const invalid = await dataOf({ query: "{ nonsense }" });
    expect(invalid.errors[0].message).toBe('Cannot query field "nonsense" on type "Query".');
    const { data, errors } = await dataOf({ query: "{ fails }" });
    expect([data, errors[0].message]).toEqual([{ fails: null }, "Unexpected error."]);
    const introspection = await dataOf({ query: "{ __schema { queryType { name } } }" });
    expect(introspection.data).toEqual({ __schema: { queryType: { name: "Query" } } });
  });

  it("streams subscriptions as server-sent events", async () => {
    const { headers, text } = await query(
      { query: "subscription { countdown(from: 3) }" },
      { accept: "text/event-stream" },
    );
    expect(headers.get("content-type")).toMatch(/^text\/event-stream/);
    const events = [...text.matchAll(/^data: (\{.*\})$/gm)].map(
      ([, json = ""]) => JSON.parse(json).data.countdown,
    );
    expect(events).toEqual([3, 2, 1, 0]);
    expect(text).toContain("event: complete");
  });
});
