import React from 'react';

import { CommandIDs } from '../ids';
import type { State } from '../state';
import { usePanel } from './context';

/** What limits the page right now: no server, no disk, and what the server warns of. */
export function Notices({ state }: { state: State }): React.ReactElement | null {
  const { trans, model, run } = usePanel();
  const warnings = [...state.workspace.warnings];
  if (!state.workspace.writable) {
    warnings.unshift(
      trans.__(
        'This course cannot be written to. You can look and run, but progress is kept only until the server stops.'
      )
    );
  }
  if (!model.offline && !warnings.length) {
    return null;
  }
  return (
    <div className="jp-TinyTorch-notices">
      {model.offline && (
        <div className="jp-TinyTorch-notice" data-notice="offline">
          {trans.__('The server does not answer. This was the last state; trying again.')}{' '}
          <button
            type="button"
            className="jp-TinyTorch-link"
            onClick={() => {
              run(CommandIDs.refresh);
            }}
          >
            {trans.__('Try now')}
          </button>
        </div>
      )}
      {warnings.map(warning => (
        <div key={warning} className="jp-TinyTorch-notice" data-notice="warning">
          {warning}
        </div>
      ))}
    </div>
  );
}
