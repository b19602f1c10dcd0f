import type { Transport } from './link.ts';

/** Status is how the connection is. */
export interface Status {
  /**
   * connecting: a link is being made. online: the entity has accepted it. waiting: for the next attempt.
   * closed: for good.
   */
  readonly phase: 'connecting' | 'online' | 'waiting' | 'closed';
  /** Of the present link, or of the last attempt. */
  readonly transport: Transport | undefined;
  /** The entity cannot answer just now, and will. */
  readonly recovering: boolean;
  /** Why the last link or attempt ended; while online, undefined. */
  readonly error: Error | undefined;
  /** When the next attempt is due while waiting, Unix ms. */
  readonly retryAt: number | undefined;
}
