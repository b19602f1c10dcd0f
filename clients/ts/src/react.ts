// React hooks: the entry point @tutti-rt/client/react.
import { type Entity, type Observable, type Options, open, type State, type Untyped } from '@tutti-rt/client';
import { useCallback, useEffect, useRef, useState, useSyncExternalStore } from 'react';

/** Lease is an entity in the hands of one component. */
interface Lease<C> {
  readonly url: string;
  readonly entity: Entity<C>;
  /** Of the close that follows when the component does not come back at once. */
  closing: ReturnType<typeof setTimeout> | undefined;
  closed: boolean;
}

/**
 * Opens the entity of this URL for as long as the component is mounted, and another one when the URL changes. Returns
 * undefined before the first effect, on servers, and without a URL. Of the options those count that it was opened with,
 * except that a token function is always the last one given. An unmounting that is taken back at once, as StrictMode
 * does, keeps the entity.
 */
export function useEntity<C = Untyped>(url: string | URL | undefined, options: Options<C>): Entity<C> | undefined {
  const address = url === undefined ? undefined : String(url);
  const [held, hold] = useState<Lease<C>>();
  const lease = useRef<Lease<C> | undefined>(undefined);
  const latest = useRef(options);
  useEffect(() => {
    latest.current = options;
  });
  useEffect(() => {
    if (address === undefined) return undefined;
    let own = lease.current;
    if (own?.url === address && !own.closed) {
      clearTimeout(own.closing);
    } else {
      own = { url: address, entity: open<C>(address, renewed(latest)), closing: undefined, closed: false };
      lease.current = own;
    }
    const kept = own;
    hold(kept);
    return () => {
      kept.closing = setTimeout(() => {
        kept.closed = true;
        kept.entity.close();
      });
    };
  }, [address]);
  return held?.url === address && !held?.closed ? held?.entity : undefined;
}

/** renewed returns the options with a token function that asks the latest one. */
function renewed<C>(latest: { current: Options<C> }): Options<C> {
  const { token } = latest.current;
  if (typeof token === 'string') return latest.current;
  return {
    ...latest.current,
    token: (reason) => {
      const now = latest.current.token;
      return typeof now === 'function' ? now(reason) : now;
    },
  };
}

/** The state, with what unanswered commands are predicted to do; undefined before the first welcome. */
export function useEntityState<C>(entity: Entity<C> | undefined): State<C> | undefined;
/** What select makes of the state; the component renders when that has changed, as equal says. */
export function useEntityState<C, S>(
  entity: Entity<C> | undefined,
  select: (state: State<C>) => S,
  equal?: (a: S, b: S) => boolean,
): S | undefined;
export function useEntityState<C, S>(
  entity: Entity<C> | undefined,
  select?: (state: State<C>) => S,
  equal?: (a: S, b: S) => boolean,
): State<C> | S | undefined {
  return useObservable<State<C> | undefined, State<C> | S | undefined>(
    entity?.state,
    (state) => (state === undefined || !select ? state : select(state)),
    (a, b) => a !== undefined && b !== undefined && !!select && !!equal?.(a as S, b as S),
  );
}

const same = (): boolean => false; // beyond Object.is

/** The value of an observable of an entity: `useObservable(entity?.status)`. Undefined where there is none. */
export function useObservable<T>(observable: Observable<T> | undefined): T | undefined;
/** What select makes of the value; the component renders when that has changed, as equal says. */
export function useObservable<T, S>(
  observable: Observable<T> | undefined,
  select: (value: T) => S,
  equal?: (a: S, b: S) => boolean,
): S | undefined;
export function useObservable<T, S>(
  observable: Observable<T> | undefined,
  select?: (value: T) => S,
  equal: (a: S, b: S) => boolean = same,
): T | S | undefined {
  const last = useRef<{ of: Observable<T>; value: T; select: typeof select; selected: T | S } | undefined>(undefined);
  const subscribe = useCallback((changed: () => void) => observable?.subscribe(changed) ?? (() => {}), [observable]);
  const snapshot = () => {
    if (!observable) return undefined;
    const { value } = observable;
    const before = last.current?.of === observable ? last.current : undefined;
    if (before && Object.is(before.value, value) && before.select === select) return before.selected;
    let selected = select ? select(value) : value;
    if (before && select && equal(before.selected as S, selected as S)) selected = before.selected;
    last.current = { of: observable, value, select, selected };
    return selected;
  };
  return useSyncExternalStore(subscribe, snapshot, snapshot);
}
