import React from 'react';

import { sparkPath } from '../spark';

const WIDTH = 54;
const HEIGHT = 18;

/** The real loss curve of the best run, as small as a word. */
export function Sparkline(props: { curve: readonly (number | null)[] }): React.ReactElement | null {
  const path = sparkPath(props.curve, WIDTH, HEIGHT);
  if (!path) {
    return null;
  }
  return (
    <svg className="jp-TinyTorch-spark" viewBox={`0 0 ${WIDTH} ${HEIGHT}`} aria-hidden="true">
      <path d={path} />
    </svg>
  );
}
