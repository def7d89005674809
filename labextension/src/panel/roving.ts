import React from 'react';

const STOPS = '[data-stop]:not(:disabled)';

function stopsOf(group: HTMLElement): HTMLElement[] {
  return [...group.querySelectorAll<HTMLElement>(STOPS)];
}

/** Make one element of the group the one the Tab key stops at. */
function settle(group: HTMLElement, chosen: string): void {
  const stops = stopsOf(group);
  const current =
    stops.find(stop => stop === document.activeElement) ??
    stops.find(stop => stop.dataset['stop'] === chosen) ??
    stops[0];
  for (const stop of stops) {
    stop.tabIndex = stop === current ? 0 : -1;
  }
}

function destination(
  stops: HTMLElement[],
  from: HTMLElement,
  key: string
): HTMLElement | undefined {
  const at = stops.indexOf(from);
  switch (key) {
    case 'ArrowDown':
      return stops[at + 1];
    case 'ArrowUp':
      return stops[at - 1];
    case 'Home':
      return stops[0];
    case 'End':
      return stops[stops.length - 1];
    default:
      return undefined;
  }
}

/** Right opens and left closes what the element discloses; left inside it goes back to its head. */
function disclose(from: HTMLElement, key: string): boolean {
  const expanded = from.getAttribute('aria-expanded');
  if (
    (key === 'ArrowRight' && expanded === 'false') ||
    (key === 'ArrowLeft' && expanded === 'true')
  ) {
    from.click();
    return true;
  }
  if (key === 'ArrowLeft') {
    const head = from
      .closest('[data-branch]')
      ?.querySelector<HTMLElement>('[data-stop][aria-expanded="true"]');
    if (head && head !== from) {
      head.focus();
      return true;
    }
  }
  return false;
}

/**
 * One tab stop for a group, arrow keys inside it. Elements take part by `data-stop="a stable name"`.
 * Spread the result on the group's element.
 */
export function useRoving<T extends HTMLElement>(): {
  ref: React.RefObject<T>;
  onKeyDown: React.KeyboardEventHandler;
  onFocus: React.FocusEventHandler;
} {
  const ref = React.useRef<T>(null);
  const chosen = React.useRef('');
  // After every render: rows come and go with the state.
  React.useLayoutEffect(() => {
    if (ref.current) {
      settle(ref.current, chosen.current);
    }
  });
  return {
    ref,
    onFocus: event => {
      const stop = (event.target as HTMLElement).closest<HTMLElement>('[data-stop]');
      if (ref.current && stop) {
        chosen.current = stop.dataset['stop'] ?? '';
        settle(ref.current, chosen.current);
      }
    },
    onKeyDown: event => {
      const from = (event.target as HTMLElement).closest<HTMLElement>('[data-stop]');
      if (!ref.current || !from || event.altKey || event.ctrlKey || event.metaKey) {
        return;
      }
      const to = destination(stopsOf(ref.current), from, event.key);
      to?.focus();
      if (to || disclose(from, event.key)) {
        event.preventDefault();
        event.stopPropagation();
      }
    }
  };
}
