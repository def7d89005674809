import React from 'react';

import { CommandIDs } from '../ids';
import type { State } from '../state';
import { usePanel } from './context';
import { Meter } from './meter';
import { useRoving } from './roving';

/** The one thing to do next. */
export function NextCard({ state }: { state: State }): React.ReactElement {
  const { trans, run, model } = usePanel();
  const roving = useRoving<HTMLElement>();
  const next = state.next;
  const module = next.kind === 'module' ? model.module(next.id) : undefined;
  return (
    <section
      {...roving}
      className="jp-TinyTorch-next"
      data-kind={next.kind}
      aria-label={trans.__('Next')}
    >
      <div className="jp-TinyTorch-quiet">{trans.__('Next')}</div>
      <h3>{next.title}</h3>
      {next.why && <p className="jp-TinyTorch-quiet">{next.why}</p>}
      {module && module.tests_total > 0 && (
        <Meter
          value={module.tests_passed}
          max={module.tests_total}
          label={trans.__('Tests passed in %1', module.title)}
        />
      )}
      {next.button && (
        <div className="jp-TinyTorch-buttons">
          <button
            type="button"
            className={next.kind === 'done' ? 'jp-TinyTorch-secondary' : 'jp-TinyTorch-primary'}
            data-stop="next"
            title={next.command ? trans.__('In a terminal: %1', next.command) : undefined}
            onClick={() => {
              run(CommandIDs.next);
            }}
          >
            {next.button}
          </button>
          {next.kind === 'milestone' && (
            <button
              type="button"
              className="jp-TinyTorch-secondary"
              data-stop="details"
              onClick={() => {
                run(CommandIDs.showMilestone, { milestone: next.id });
              }}
            >
              {trans.__('Details')}
            </button>
          )}
        </div>
      )}
    </section>
  );
}
