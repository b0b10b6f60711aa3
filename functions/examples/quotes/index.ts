import type { Handler } from "narun";
import { pickQuote, pickRandomQuote, quoteCount } from "./pick.ts";

/** `/quotes` gives one of the quotes, `/quotes/3` the third. Two source files and a JSON file become one bundle. */
const answer: Handler = (request) => {
  const [, , number] = new URL(request.url).pathname.split("/");
  const quote = number ? pickQuote(Number(number)) : pickRandomQuote();
  if (quote === undefined) {
    return Response.json({ error: `there are quotes 1 to ${quoteCount}` }, { status: 404 });
  }
  return Response.json(quote, { headers: { "cache-control": "no-store" } });
};

export default answer;
