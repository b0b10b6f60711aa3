import { Hono } from "hono";
import { z } from "zod";
import type { Env } from "./narun-env.d.ts";

/** A JSON API with several routes: Hono routes the requests, zod has the schema of a note, a KV bucket stores the notes. */
const Note = z.object({ text: z.string().min(1).max(1_000), done: z.boolean().default(false) });

const app = new Hono<{ Bindings: Env }>().basePath("/notes");

app.get("/", async (c) => {
  const { keys } = await c.env.NOTES.list();
  const notes = await Promise.all(
    keys.map(async ({ key }) => ({ id: key, ...(await c.env.NOTES.get<object>(key, "json")) })),
  );
  return c.json(notes);
});

app.post("/", async (c) => {
  const note = Note.safeParse(await c.req.json().catch(() => undefined));
  if (!note.success) return c.json({ error: z.prettifyError(note.error) }, 400);
  const id = crypto.randomUUID();
  await c.env.NOTES.create(id, note.data);
  return c.json({ id, ...note.data }, 201);
});

app.get("/:id", async (c) => {
  const note = await c.env.NOTES.get<object>(c.req.param("id"), "json");
  return note === null ? c.notFound() : c.json(note);
});

app.delete("/:id", async (c) => {
  await c.env.NOTES.delete(c.req.param("id"));
  return c.body(null, 204);
});

export default app;
