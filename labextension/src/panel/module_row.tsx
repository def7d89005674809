import React from 'react';

import { CommandIDs } from '../ids';
import type { ModuleState } from '../state';
import { moduleLabel, moduleLine, testStatus } from '../text';
import { usePanel } from './context';
import { Caret, MarkGlyph, testMark } from './glyphs';

function FailedTests({ module }: { module: ModuleState }): React.ReactElement {
  const { trans, run } = usePanel();
  return (
    <ul className="jp-TinyTorch-tests" id={`tinytorch-tests-${module.id}`}>
      {module.failed.map(test => (
        <li key={test.id}>
          <button
            type="button"
            data-stop={`${module.id}/${test.id}`}
            data-test={test.id}
            data-status={test.status}
            aria-label={`${test.title}: ${testStatus(test, trans)}. ${test.message}`}
            title={test.message || testStatus(test, trans)}
            onClick={() => {
              run(CommandIDs.openNotebook, { notebook: module.notebook, cell: test.cell_id });
            }}
          >
            <MarkGlyph passed={testMark(test)} />
            <span>{test.title}</span>
            {test.status === 'failed' && test.message && (
              <span className="jp-TinyTorch-testMessage">{test.message}</span>
            )}
          </button>
        </li>
      ))}
    </ul>
  );
}

/** One module: number, name, one state. */
export function ModuleRow(props: { module: ModuleState; isNext: boolean }): React.ReactElement {
  const { trans, run, model, opened, toggle } = usePanel();
  const { module } = props;
  const key = `module/${module.id}`;
  const open = opened.has(key) && module.failed.length > 0;
  const status = model.isBusy(module.id) ? 'checking' : module.status;
  const shown = { ...module, status };
  const line = moduleLine(shown, trans);
  const label = moduleLabel(shown, trans);
  return (
    <li
      className="jp-TinyTorch-module"
      data-branch=""
      data-module={module.id}
      data-status={status}
      data-next={props.isNext ? '' : undefined}
      data-problem={module.problem ? '' : undefined}
    >
      <div className="jp-TinyTorch-moduleRow">
        <button
          type="button"
          className="jp-TinyTorch-moduleOpen"
          data-stop={module.id}
          disabled={!module.notebook || status === 'coming'}
          title={module.question}
          aria-label={label}
          onClick={() => {
            run(CommandIDs.openNotebook, {
              notebook: module.notebook,
              cell: module.problem ? module.problem_cell : ''
            });
          }}
        >
          <span className="jp-TinyTorch-number">{module.number}</span>
          <span className="jp-TinyTorch-moduleTitle">{module.title}</span>
          <span className="jp-TinyTorch-moduleState">
            {line}
            {status === 'complete' && <MarkGlyph passed={true} />}
          </span>
        </button>
        {module.failed.length > 0 && (
          <button
            type="button"
            className="jp-TinyTorch-disclose"
            data-stop={key}
            aria-expanded={open}
            aria-controls={open ? `tinytorch-tests-${module.id}` : undefined}
            aria-label={trans.__('Tests of %1 that do not pass yet', module.title)}
            title={trans.__('Tests that do not pass yet')}
            onClick={() => {
              toggle(key);
            }}
          >
            <Caret />
          </button>
        )}
      </div>
      {module.problem && <p className="jp-TinyTorch-problem">{module.problem}</p>}
      {open && <FailedTests module={module} />}
    </li>
  );
}
