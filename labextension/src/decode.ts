/**
 * Decoders: functions that turn unknown JSON into a typed value, or say where it is wrong.
 */

/** JSON that is not what the page expects. The message names the place: `state.modules[3].status`. */
export class DecodeError extends Error {
  constructor(
    readonly path: string,
    problem: string
  ) {
    super(`${path}: ${problem}`);
    this.name = 'DecodeError';
  }
}

export type Decoder<T> = (value: unknown, path: string) => T;

/** The type a decoder gives. */
export type Decoded<D> = D extends Decoder<infer T> ? T : never;

function describe(value: unknown): string {
  if (value === null) {
    return 'null';
  }
  if (value === undefined) {
    return 'nothing';
  }
  if (Array.isArray(value)) {
    return 'a list';
  }
  return typeof value === 'string' ? `'${value}'` : typeof value;
}

export const text: Decoder<string> = (value, path) => {
  if (typeof value !== 'string') {
    throw new DecodeError(path, `expected text, got ${describe(value)}`);
  }
  return value;
};

export const number: Decoder<number> = (value, path) => {
  if (typeof value !== 'number' || !Number.isFinite(value)) {
    throw new DecodeError(path, `expected a number, got ${describe(value)}`);
  }
  return value;
};

export const flag: Decoder<boolean> = (value, path) => {
  if (typeof value !== 'boolean') {
    throw new DecodeError(path, `expected true or false, got ${describe(value)}`);
  }
  return value;
};

export function oneOf<const T extends readonly string[]>(...allowed: T): Decoder<T[number]> {
  return (value, path) => {
    const found = allowed.find(name => name === value);
    if (found === undefined) {
      throw new DecodeError(path, `expected ${allowed.join(', ')}, got ${describe(value)}`);
    }
    return found;
  };
}

export function nullable<T>(inner: Decoder<T>): Decoder<T | null> {
  return (value, path) => (value === null ? null : inner(value, path));
}

/** A key that the server may leave out, with what it then means. */
export function or<T>(inner: Decoder<T>, missing: T): Decoder<T> {
  return (value, path) => (value === undefined ? missing : inner(value, path));
}

export function list<T>(inner: Decoder<T>): Decoder<T[]> {
  return (value, path) => {
    if (!Array.isArray(value)) {
      throw new DecodeError(path, `expected a list, got ${describe(value)}`);
    }
    return value.map((item: unknown, index) => inner(item, `${path}[${index}]`));
  };
}

/** An object with these keys; keys that this page does not know yet are passed over. */
export function record<T extends Record<string, unknown>>(fields: {
  [K in keyof T]: Decoder<T[K]>;
}): Decoder<T> {
  return (value, path) => {
    if (typeof value !== 'object' || value === null || Array.isArray(value)) {
      throw new DecodeError(path, `expected an object, got ${describe(value)}`);
    }
    const source = value as Record<string, unknown>;
    const result: Partial<T> = {};
    for (const key of Object.keys(fields) as (keyof T & string)[]) {
      result[key] = fields[key](source[key], `${path}.${key}`);
    }
    return result as T;
  };
}
