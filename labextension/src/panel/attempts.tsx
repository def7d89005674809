import React from 'react';

import type { MilestoneState } from '../state';
import { ago, attemptResult, duration } from '../text';
import { usePanel } from './context';

const SHOWN = 5;

/** The last runs of a milestone, newest first. */
export function Attempts({ milestone }: { milestone: MilestoneState }): React.ReactElement | null {
  const { trans, locale } = usePanel();
  if (!milestone.attempts.length) {
    return null;
  }
  const titles = new Map(milestone.parts.map(part => [part.id, part.title]));
  return (
    <>
      <h4>{trans.__('Attempts')}</h4>
      <ul className="jp-TinyTorch-attempts">
        {milestone.attempts.slice(0, SHOWN).map(attempt => (
          <li key={`${attempt.started}/${attempt.part}`} data-result={attempt.result}>
            <span>{titles.get(attempt.part) ?? attempt.part}</span>
            <span className="jp-TinyTorch-value" title={attempt.started}>
              {[
                attemptResult(attempt, trans),
                duration(attempt.seconds, trans),
                ago(attempt.started, Date.now(), locale)
              ].join(' · ')}
            </span>
          </li>
        ))}
      </ul>
      {milestone.attempts.length > SHOWN && (
        <p className="jp-TinyTorch-quiet">
          {trans._n('%1 earlier', '%1 earlier', milestone.attempts.length - SHOWN)}
        </p>
      )}
    </>
  );
}
