import React from 'react';

import type { MilestoneState, TestState } from '../state';

/** The shape of a station on the rail; the shape alone tells the status. */
export function StationGlyph({ status }: { status: MilestoneState['status'] }): React.ReactElement {
  return (
    <svg className="jp-TinyTorch-glyph" data-status={status} viewBox="0 0 18 18" aria-hidden="true">
      <circle className="jp-TinyTorch-glyphRing" cx="9" cy="9" r="7.5" />
      {status === 'complete' && (
        <path className="jp-TinyTorch-glyphMark" d="M5.4 9.3l2.5 2.5 4.8-5.2" />
      )}
      {status === 'running' && <circle className="jp-TinyTorch-glyphDot" cx="9" cy="9" r="3.5" />}
      {status === 'ready' && <path className="jp-TinyTorch-glyphPlay" d="M7.2 5.8l5 3.2-5 3.2z" />}
    </svg>
  );
}

/** Check, cross, or an open dot: passed, failed, waiting. */
export function MarkGlyph({ passed }: { passed: boolean | null }): React.ReactElement {
  const status = passed === null ? 'waiting' : passed ? 'passed' : 'failed';
  return (
    <svg className="jp-TinyTorch-mark" data-status={status} viewBox="0 0 12 12" aria-hidden="true">
      {status === 'passed' && <path d="M2 6.4l2.7 2.7L10 3.3" />}
      {status === 'failed' && <path d="M3 3l6 6M9 3l-6 6" />}
      {status === 'waiting' && <circle cx="6" cy="6" r="2.6" />}
    </svg>
  );
}

/** The mark of a test: one that was not tried yet is waiting, not failed. */
export function testMark(test: TestState): boolean | null {
  return test.status === 'not_yet' ? null : test.passed;
}

/** A small triangle that turns when what it stands for is open. */
export function Caret(): React.ReactElement {
  return (
    <svg className="jp-TinyTorch-caret" viewBox="0 0 10 10" aria-hidden="true">
      <path d="M3.5 1.8L7 5 3.5 8.2" />
    </svg>
  );
}
