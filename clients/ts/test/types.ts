// What the types allow and what they refuse: tsc checks it, where no error follows @ts-expect-error, too.
import { expectTypeOf } from 'vitest';
import type { Ack, Answer, Apply, Entity, EventOf } from '../src/index.ts';
import type { Desk } from './desk.ts';

declare const desk: Entity<Desk>;
declare const untyped: Entity;
interface Bare {
  state: number;
  commands: { go: { data: undefined; reply: undefined } };
}
declare const bare: Entity<Bare>;

export async function right(): Promise<void> {
  expectTypeOf(await desk.send('add', { by: 1 })).toEqualTypeOf<Ack<number>>();
  expectTypeOf(await desk.query('sum')).toEqualTypeOf<Answer<number>>();
  await desk.send('hide');
  await desk.send('hide', undefined, { trace: true });
  desk.signal('typing', true);
  desk.presence({ color: 'red' });
  desk.presence(null);
  expectTypeOf(desk.state.value).toEqualTypeOf<Desk['state'] | undefined>();
  for await (const event of desk.events) {
    if (event.name === 'added') expectTypeOf(event.data.by).toEqualTypeOf<number>();
  }
  for await (const message of desk.messages) {
    if (message.name === 'shouted') expectTypeOf(message.data.text).toEqualTypeOf<string>();
  }
  for (const { who, data } of desk.members.value.list.values()) {
    expectTypeOf(who).toEqualTypeOf<string | undefined>();
    expectTypeOf(data?.color).toEqualTypeOf<string | undefined>();
  }
  await untyped.send('anything', { of: 'any kind' });
  await untyped.query('anything');
  await bare.send('go');
  expectTypeOf<EventOf<Bare>>().toEqualTypeOf<never>();
}

export async function wrong(): Promise<void> {
  // @ts-expect-error there is no such command
  await desk.send('subtract', { by: 1 });
  // @ts-expect-error its data has another type
  await desk.send('add', { by: '1' });
  // @ts-expect-error its data is missing
  await desk.send('add');
  // @ts-expect-error a prediction returns a state
  await desk.send('add', { by: 1 }, { predict: (s) => s.sum });
  // @ts-expect-error there is no such query
  await desk.query('difference');
  // @ts-expect-error there is no such signal
  desk.signal('yawning', true);
  // @ts-expect-error presence has another type
  desk.presence({ colour: 'red' });
  // @ts-expect-error what an event does is missing
  const apply: Apply<Desk> = { events: { added: (state) => state } };
  // @ts-expect-error there is no such query
  await bare.query('anything');
  // @ts-expect-error nothing can be set
  desk.state.value = undefined;
  console.log(apply);
}
