import React from 'react';

import type { CheckpointState, MilestoneState } from '../state';
import { checkpointStatus, checkpointsLine } from '../text';
import { usePanel } from './context';
import { MarkGlyph } from './glyphs';

function mark(checkpoint: CheckpointState): boolean | null {
  return checkpoint.status === 'passed' ? true : checkpoint.status === 'failed' ? false : null;
}

/** The capabilities that a milestone counts, each with its state. */
export function Checkpoints({
  milestone
}: {
  milestone: MilestoneState;
}): React.ReactElement | null {
  const { trans } = usePanel();
  const line = checkpointsLine(milestone, trans);
  if (!line) {
    return null;
  }
  return (
    <>
      <h4>{trans.__('Checkpoints')}</h4>
      {milestone.status === 'complete' && <p className="jp-TinyTorch-quiet">{line}</p>}
      <ul className="jp-TinyTorch-checkpoints">
        {milestone.checkpoints.map(checkpoint => (
          <li
            key={checkpoint.id}
            data-checkpoint={checkpoint.id}
            data-status={checkpoint.status}
            title={checkpoint.capability}
          >
            <MarkGlyph passed={mark(checkpoint)} />
            <span className="jp-TinyTorch-value">{checkpoint.id}</span>
            <span>{checkpoint.title}</span>
            <span className="jp-TinyTorch-value">{checkpointStatus(checkpoint, trans)}</span>
          </li>
        ))}
      </ul>
    </>
  );
}
