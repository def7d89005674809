import React from 'react';

import type { State } from '../state';
import { duration, timeOfDay } from '../text';
import { usePanel } from './context';

/** When the course was last checked, and how long after the save the result was here. */
export function Footer({ state }: { state: State }): React.ReactElement | null {
  const { trans, locale, model } = usePanel();
  const time = timeOfDay(state.checked_at, Date.now(), locale);
  if (!time) {
    return null;
  }
  const words = [trans.__('checked %1', time)];
  if (model.timing) {
    words.push(trans.__('%1 after your save', duration(model.timing.seconds, trans)));
  } else if (state.checked_seconds !== null) {
    words.push(trans.__('took %1', duration(state.checked_seconds, trans)));
  }
  return (
    <footer
      className="jp-TinyTorch-footer"
      data-checked-at={state.checked_at}
      data-after-save={model.timing ? model.timing.seconds.toFixed(3) : undefined}
    >
      {words.join(' · ')}
    </footer>
  );
}
