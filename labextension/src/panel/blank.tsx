import React from 'react';

import { CommandIDs } from '../ids';
import type { Problem } from '../problems';
import { usePanel } from './context';

const TERMINAL = 'terminal:create-new';

/** The first moment, before the server has answered. */
export function Loading(): React.ReactElement {
  const { trans } = usePanel();
  return (
    <div className="jp-TinyTorch-loading" aria-busy="true">
      <p className="jp-TinyTorch-quiet">{trans.__('Looking for your course…')}</p>
      {[60, 90, 75, 85, 50].map((width, index) => (
        <div key={index} className="jp-TinyTorch-bone" style={{ width: `${width}%` }} />
      ))}
    </div>
  );
}

/** No course in this folder: how to get one. */
function NoCourse(): React.ReactElement {
  const { trans, run, has } = usePanel();
  return (
    <div className="jp-TinyTorch-blank" data-blank="no_workspace">
      <h3>{trans.__('No course here yet')}</h3>
      <p>{trans.__('This command in a terminal makes one:')}</p>
      <pre>tito init course</pre>
      <p className="jp-TinyTorch-quiet">
        {trans.__(
          'It creates a folder with the module notebooks you fill in, the package your code is exported to, and the milestones that this code will run. It overwrites nothing.'
        )}
      </p>
      <div className="jp-TinyTorch-buttons">
        {has(TERMINAL) && (
          <button
            type="button"
            className="jp-TinyTorch-primary"
            onClick={() => {
              run(TERMINAL);
            }}
          >
            {trans.__('Open a terminal')}
          </button>
        )}
        <button
          type="button"
          className="jp-TinyTorch-secondary"
          onClick={() => {
            run(CommandIDs.refresh);
          }}
        >
          {trans.__('Look again')}
        </button>
      </div>
      <p className="jp-TinyTorch-quiet">
        {trans.__('If you have a course already, open its folder in the file browser.')}
      </p>
    </div>
  );
}

/** There is nothing to show, and why. */
export function Blank({ problem }: { problem: Problem }): React.ReactElement {
  const { trans, run } = usePanel();
  if (problem.reason === 'no_workspace') {
    return <NoCourse />;
  }
  let title = trans.__('The course cannot be shown');
  let { message, remedy } = problem;
  let code = '';
  if (problem.reason === 'offline') {
    title = trans.__('The server does not answer');
    message = trans.__('Nothing of yours is lost. This page keeps trying.');
  } else if (problem.reason === 'no_extension') {
    title = trans.__('The course’s server part is not running');
    message = trans.__('Enable it in a terminal, then start JupyterLab again:');
    code = 'jupyter server extension enable tinytorch_milestones';
  } else if (problem.reason === 'version') {
    title = trans.__('Page and server do not fit together');
    remedy = trans.__('Reload this page; if that does not help, start JupyterLab again.');
  }
  return (
    <div className="jp-TinyTorch-blank" data-blank={problem.reason}>
      <h3>{title}</h3>
      {message && <p>{message}</p>}
      {code && <pre>{code}</pre>}
      {remedy && <p>{remedy}</p>}
      <div className="jp-TinyTorch-buttons">
        <button
          type="button"
          className="jp-TinyTorch-secondary"
          onClick={() => {
            run(CommandIDs.refresh);
          }}
        >
          {trans.__('Try again')}
        </button>
      </div>
    </div>
  );
}
