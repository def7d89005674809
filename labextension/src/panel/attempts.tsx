import React from 'react';

import type { AttemptState, MilestoneState } from '../state';
import { ago, attemptResult, duration } from '../text';
import { usePanel } from './context';
import { MarkGlyph } from './glyphs';

const SHOWN = 5;

function mark(attempt: AttemptState): boolean | null {
  return attempt.result === 'passed'
    ? true
    : attempt.result === 'failed' || attempt.result === 'error'
      ? false
      : null;
}

/** The score in the milestone's own unit, where that is a share; other units are the server's to word. */
function score(attempt: AttemptState, milestone: MilestoneState): string {
  return attempt.score !== null && milestone.score_text.includes('%')
    ? `${(attempt.score * 100).toFixed(1)} %`
    : '';
}

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
            <MarkGlyph passed={mark(attempt)} />
            <span>{titles.get(attempt.part) ?? attempt.part}</span>
            <span className="jp-TinyTorch-value" title={attempt.started}>
              {ago(attempt.started, Date.now(), locale)}
            </span>
            <span className="jp-TinyTorch-outcome">
              {[
                attemptResult(attempt, trans),
                score(attempt, milestone),
                duration(attempt.seconds, trans)
              ]
                .filter(Boolean)
                .join(' · ')}
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
