import React from 'react';

import { CommandIDs } from '../ids';
import type { MilestoneState, State } from '../state';
import { checkpointsLine, readyLine, stationLabel, stationLine } from '../text';
import { usePanel } from './context';
import { Details } from './details';
import { StationGlyph } from './glyphs';
import { Meter } from './meter';
import { ModuleLinks } from './module_links';
import { useRoving } from './roving';
import { Sparkline } from './sparkline';

function Station(props: { milestone: MilestoneState; isNext: boolean }): React.ReactElement {
  const { trans, run, opened, toggle } = usePanel();
  const { milestone } = props;
  const open = opened.has(milestone.id);
  const line = stationLine(milestone, trans);
  const far = checkpointsLine(milestone, trans);
  return (
    <li
      className="jp-TinyTorch-station"
      data-branch=""
      data-milestone={milestone.id}
      data-status={milestone.status}
    >
      <button
        type="button"
        className="jp-TinyTorch-stationHead"
        data-stop={milestone.id}
        aria-expanded={open}
        aria-controls={open ? `tinytorch-details-${milestone.id}` : undefined}
        aria-label={stationLabel(milestone, trans)}
        onClick={() => {
          toggle(milestone.id);
        }}
      >
        <span className="jp-TinyTorch-year">{milestone.year}</span>
        <StationGlyph status={milestone.status} />
        <span className="jp-TinyTorch-stationTitle">{milestone.title}</span>
        <Sparkline curve={milestone.curve} />
        {line && <span className="jp-TinyTorch-stationLine jp-TinyTorch-quiet">{line}</span>}
      </button>
      <div className="jp-TinyTorch-stationMore">
        {milestone.status === 'running' && milestone.running && (
          <Meter
            value={milestone.running.step}
            max={milestone.running.steps}
            label={trans.__('Progress of %1', milestone.title)}
          />
        )}
        {far && milestone.status !== 'complete' && milestone.status !== 'coming' && (
          <div className="jp-TinyTorch-far">
            <span className="jp-TinyTorch-quiet">{far}</span>
            <Meter
              value={Math.round(100 * milestone.percent)}
              max={100}
              label={trans.__('Checkpoints of %1', milestone.title)}
            />
          </div>
        )}
        {milestone.status === 'locked' && milestone.missing.length > 0 && (
          <span className="jp-TinyTorch-quiet jp-TinyTorch-below">
            {trans.__('needs')} <ModuleLinks ids={milestone.missing} owner={milestone.id} />
          </span>
        )}
        {milestone.status === 'ready' && (
          <span className="jp-TinyTorch-quiet jp-TinyTorch-below">
            {readyLine(milestone, trans)}
            {!props.isNext && !open && (
              <button
                type="button"
                className="jp-TinyTorch-link"
                data-stop={`${milestone.id}/run`}
                aria-label={trans.__('Run %1', milestone.title)}
                onClick={() => {
                  run(CommandIDs.runMilestone, {
                    milestone: milestone.id,
                    notebook: milestone.notebook
                  });
                }}
              >
                {trans.__('Run')}
              </button>
            )}
          </span>
        )}
        {open && <Details milestone={milestone} />}
      </div>
    </li>
  );
}

/** The milestones of the track, one station each. */
export function Rail({ state }: { state: State }): React.ReactElement {
  const { trans } = usePanel();
  const roving = useRoving<HTMLOListElement>();
  const next = state.next.kind === 'milestone' ? state.next.id : '';
  return (
    <section aria-label={trans.__('Milestones')}>
      <ol className="jp-TinyTorch-rail" {...roving}>
        {state.milestones.map(milestone => (
          <Station key={milestone.id} milestone={milestone} isNext={milestone.id === next} />
        ))}
      </ol>
    </section>
  );
}
