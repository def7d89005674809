import type { TranslationBundle } from '@jupyterlab/translation';

function fill(words: string, args: readonly unknown[]): string {
  return words.replace(/%(\d+)/g, (_, index: string) => String(args[Number(index) - 1]));
}

/** English, as gettext without a catalog gives it. */
export const trans: TranslationBundle = {
  __: (words, ...args: unknown[]) => fill(words, args),
  _n: (one, many, n, ...args: unknown[]) => fill(n === 1 ? one : many, [n, ...args]),
  _p: (_context, words, ...args: unknown[]) => fill(words, args),
  _np: (_context, one, many, n, ...args: unknown[]) => fill(n === 1 ? one : many, [n, ...args]),
  gettext: (words, ...args: unknown[]) => fill(words, args),
  ngettext: (one, many, n, ...args: unknown[]) => fill(n === 1 ? one : many, [n, ...args]),
  pgettext: (_context, words, ...args: unknown[]) => fill(words, args),
  npgettext: (_context, one, many, n, ...args: unknown[]) => fill(n === 1 ? one : many, [n, ...args]),
  dcnpgettext: (_domain, _context, one, many, n, ...args: unknown[]) =>
    fill(n === 1 ? one : many, [n, ...args])
};
