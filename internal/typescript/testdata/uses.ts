// What the generated types allow and what they refuse. tsc checks it: a line that follows @ts-expect-error and
// has no error is one.
import type { Categories, Everything, Seen, Tree } from "./types.ts";

type Room = Categories["every-thing"];

declare function send<N extends keyof Room["commands"]>(
  name: N,
  data: Room["commands"][N]["data"],
): Promise<Room["commands"][N]["reply"]>;
declare function query<N extends keyof Room["queries"]>(
  name: N,
  data: Room["queries"][N]["data"],
): Promise<Room["queries"][N]["answer"]>;
declare const state: Everything;

export async function right(): Promise<void> {
  const reply: number | string | Seen = await send("say", { text: "a" });
  const answer = await query("ask", { Of: "b" });
  if (answer !== null) console.log(answer.Short.length, reply);
  const first: string | undefined = state.Lines?.[0];
  const some: string[] = state.some ?? [];
  const behind: number = state.FromBehind ?? 0;
  const tree: Tree = [null, [null]];
  const said: Room["events"]["said"] = { Short: "what ViewEvent shows" };
  const none: keyof Categories["hall"]["commands"] extends never ? true : false = true;
  const raw: unknown = state.Raw;
  const category: "every-thing" = {} as Room["category"];
  console.log(first, some, behind, tree, said, none, raw, category, state.Next?.Next?.Plain);
}

export async function wrong(): Promise<void> {
  // @ts-expect-error there is no such command
  await send("shout", { text: "a" });
  // @ts-expect-error its data has another type
  await send("say", { text: 1 });
  // @ts-expect-error its data has no such member
  await send("say", { text: "a", loud: true });
  // @ts-expect-error a member is missing
  await send("say", {});
  // @ts-expect-error the reply is not always a number
  const reply: number = await send("say", { text: "a" });
  // @ts-expect-error nobody knows what it replies
  const again: string = await send("say.again", { text: "a" });
  // @ts-expect-error the answer may be null
  console.log((await query("ask", { Of: "b" })).Short);
  // @ts-expect-error a nil slice is null
  console.log(state.Lines.length);
  // @ts-expect-error what is empty is left out
  console.log(state.some.length);
  // @ts-expect-error the embedded pointer may be nil
  const behind: number = state.FromBehind;
  // @ts-expect-error int64 with ,string is a string
  const text: number = state.text;
  // @ts-expect-error fields that are not exported are not there
  console.log(state.unseen);
  // @ts-expect-error an audience sees what ViewEvent shows, not the event
  const said: Room["events"]["said"] = { Text: "a" };
  // @ts-expect-error members show nothing of their claims
  const who: string = {} as Categories["hall"]["who"];
  console.log(reply, again, behind, text, said, who);
}
