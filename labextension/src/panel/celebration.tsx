import React from 'react';

import type { MilestoneState } from '../state';
import { ago, stationLine } from '../text';
import { usePanel } from './context';

/** What was won: the words, the badge, what it changed, and the best run. */
export function Celebration({
  milestone
}: {
  milestone: MilestoneState;
}): React.ReactElement | null {
  const { trans, locale } = usePanel();
  if (milestone.status !== 'complete') {
    return null;
  }
  const when = ago(milestone.completed, Date.now(), locale);
  const best = milestone.score_text ? stationLine(milestone, trans) : null;
  return (
    <div className="jp-TinyTorch-celebration" data-celebration={milestone.id}>
      {milestone.says && <p className="jp-TinyTorch-says">{`“${milestone.says}”`}</p>}
      {milestone.badge && (
        <p>
          <span className="jp-TinyTorch-badge">{milestone.badge}</span>
        </p>
      )}
      {milestone.changed && (
        <>
          <h4>{trans.__('What this changed')}</h4>
          <p>{milestone.changed}</p>
        </>
      )}
      {(best || when) && (
        <p className="jp-TinyTorch-quiet" title={milestone.completed}>
          {[best && trans.__('best run %1', best), when && trans.__('completed %1', when)]
            .filter(Boolean)
            .join(' · ')}
        </p>
      )}
    </div>
  );
}
