import type { Handler } from "narun";

/** Rolls one die: `GET /dice?sides=20`. Each method has its own function; the others are answered with 405. */
export const GET: Handler = (request) => {
  const sides = Number(new URL(request.url).searchParams.get("sides") ?? 6);
  return isSides(sides) ? Response.json({ roll: roll(sides) }) : refuse();
};

/** Rolls several: `POST /dice` with `{ "count": 3, "sides": 6 }`. */
export const POST: Handler = async (request) => {
  const wish: unknown = await request.json().catch(() => undefined);
  if (!isWish(wish)) return refuse();
  const rolls = Array.from({ length: wish.count }, () => roll(wish.sides));
  return Response.json({ rolls, total: rolls.reduce((a, b) => a + b) }, { status: 201 });
};

interface Wish {
  count: number;
  sides: number;
}

function isWish(value: unknown): value is Wish {
  if (typeof value !== "object" || value === null) return false;
  const { count, sides } = value as Partial<Wish>;
  return isSides(sides) && Number.isInteger(count) && Number(count) >= 1 && Number(count) <= 100;
}

function isSides(value: unknown): value is number {
  return Number.isInteger(value) && Number(value) >= 2 && Number(value) <= 1_000;
}

/** Gives every side equally often: it repeats a draw beyond the last whole multiple of `sides`. */
function roll(sides: number): number {
  const limit = 2 ** 32 - (2 ** 32 % sides);
  for (;;) {
    const [draw = 0] = crypto.getRandomValues(new Uint32Array(1));
    if (draw < limit) return 1 + (draw % sides);
  }
}

function refuse(): Response {
  const error = "sides is a whole number from 2 to 1000, count one from 1 to 100";
  return Response.json({ error }, { status: 400 });
}
