/** @file The one kind of cache by text that the library has: bounded, what was used longest ago goes first. */

/** What a cache may hold. At least the newest entry stays, however long its key is. */
export interface RecentLimits {
  /** Entries. */
  readonly entries: number;
  /** Characters of all keys together, as a key may be the text of a whole program. */
  readonly characters: number;
}

/** A cache by text. */
export interface RecentMap<V> {
  /** Finds a value, which thereby is the one used last. */
  get(key: string): V | undefined;
  /** Tells whether a value is there, and changes nothing. */
  has(key: string): boolean;
  /** Adds or replaces a value, and drops what is too much. */
  set(key: string, value: V): void;
}

/**
 * Makes a cache that forgets what was used longest ago.
 *
 * @param limits What it may hold.
 * @returns The empty cache.
 */
export function recentMap<V>({ entries, characters }: RecentLimits): RecentMap<V> {
  const map = new Map<string, V>(); // in the order of use
  const held = { characters: 0 };
  const drop = (key: string) => {
    if (map.delete(key)) held.characters -= key.length;
  };
  const add = (key: string, value: V) => {
    map.set(key, value);
    held.characters += key.length;
  };
  return {
    has: (key) => map.has(key),
    get(key) {
      const value = map.get(key);
      if (!map.has(key)) return undefined;
      drop(key);
      add(key, value!);
      return value;
    },
    set(key, value) {
      drop(key);
      add(key, value);
      while (map.size > 1 && (map.size > entries || held.characters > characters)) drop(map.keys().next().value!);
    },
  };
}
