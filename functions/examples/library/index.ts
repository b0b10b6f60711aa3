/**
 * A service: its actions are called over HTTP and NATS, their input is validated, their errors have names.
 *
 *     curl -X PUT http://127.0.0.1:8080/library/moby --json '{"title":"Moby-Dick"}'
 *     curl http://127.0.0.1:8080/library.lend --json '{"id":"moby","to":"Ada"}'
 *     nats req library.get '{"id":"moby"}'
 *     nats service info library
 */
import { service } from "narun";
import { z } from "zod";
import type { Env } from "./narun-env.d.ts";

const Book = z.object({ id: z.string(), title: z.string().min(1), lentTo: z.string().optional() });
const Id = Book.pick({ id: true });

export default service({
  name: "library",
  version: "1.0.0",
  errors: {
    BookNotFound: { status: 404, data: Id },
    BookLent: { status: 409, data: z.object({ to: z.string() }) },
  },
})
  .action(
    "add",
    { path: "library/{id}", method: "PUT", input: Book, output: Book },
    async (book, _ctx, env: Env) => {
      await env.BOOKS.put(book.id, book);
      return book;
    },
  )
  .action(
    "get",
    { path: "library/{id}", readOnly: true, input: Id, output: Book },
    async ({ id }, ctx, env: Env) => {
      const book = await env.BOOKS.get<z.infer<typeof Book>>(id, "json");
      if (book === null) throw ctx.error("BookNotFound", { id });
      return book;
    },
  )
  .action(
    "lend",
    { input: Id.extend({ to: z.string() }), output: Book },
    async ({ id, to }, ctx, env: Env) => {
      const entry = await env.BOOKS.entry(id);
      if (entry === null) throw ctx.error("BookNotFound", { id });
      const book = entry.json<z.infer<typeof Book>>();
      if (book.lentTo !== undefined) throw ctx.error("BookLent", { to: book.lentTo });
      const lent = { ...book, lentTo: to };
      await env.BOOKS.put(id, lent, { ifRevision: entry.revision });
      return lent;
    },
  );
