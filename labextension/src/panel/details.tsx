import React from 'react';

import { CommandIDs } from '../ids';
import type { MilestoneState, PartState } from '../state';
import { partStatus } from '../text';
import { Attempts } from './attempts';
import { Celebration } from './celebration';
import { Checkpoints } from './checkpoints';
import { usePanel } from './context';
import { Gates } from './gates';

function Part(props: { part: PartState; owner: string }): React.ReactElement {
  const { trans } = usePanel();
  return (
    <li className="jp-TinyTorch-part" data-part={props.part.id} data-status={props.part.status}>
      <div className="jp-TinyTorch-partHead">
        <span>{props.part.title}</span>
        <span className="jp-TinyTorch-value">{partStatus(props.part, trans)}</span>
      </div>
      {props.part.story && <p className="jp-TinyTorch-quiet">{props.part.story}</p>}
      <Gates part={props.part} owner={`${props.owner}/${props.part.id}`} />
    </li>
  );
}

/** A milestone opened: its story, parts, gates and attempts. */
export function Details({ milestone }: { milestone: MilestoneState }): React.ReactElement {
  const { trans, run, has } = usePanel();
  const args = { milestone: milestone.id, notebook: milestone.notebook };
  const runnable = milestone.status === 'ready' || milestone.status === 'complete';
  return (
    <div
      className="jp-TinyTorch-details"
      id={`tinytorch-details-${milestone.id}`}
      role="region"
      aria-label={milestone.title}
    >
      <Celebration milestone={milestone} />
      {milestone.headline && <p className="jp-TinyTorch-strong">{milestone.headline}</p>}
      {(milestone.era || milestone.people) && (
        <p className="jp-TinyTorch-quiet">
          {[milestone.era, milestone.people].filter(Boolean).join(' · ')}
        </p>
      )}
      {milestone.story && <p>{milestone.story}</p>}
      <div className="jp-TinyTorch-buttons">
        {runnable && milestone.notebook && (
          <button
            type="button"
            className="jp-TinyTorch-secondary"
            data-stop={`${milestone.id}/run`}
            onClick={() => {
              run(CommandIDs.runMilestone, args);
            }}
          >
            {milestone.status === 'complete' ? trans.__('Run again') : trans.__('Run')}
          </button>
        )}
        {milestone.notebook && (
          <button
            type="button"
            className="jp-TinyTorch-secondary"
            data-stop={`${milestone.id}/open`}
            onClick={() => {
              run(CommandIDs.openNotebook, { notebook: milestone.notebook });
            }}
          >
            {trans.__('Open notebook')}
          </button>
        )}
        {milestone.status !== 'coming' && has(CommandIDs.demoMilestone) && (
          <button
            type="button"
            className="jp-TinyTorch-secondary"
            data-stop={`${milestone.id}/demo`}
            title={trans.__('Run it with the reference implementation: to look at, not for credit')}
            onClick={() => {
              run(CommandIDs.demoMilestone, { milestone: milestone.id });
            }}
          >
            {trans.__('Watch the demo')}
          </button>
        )}
      </div>
      <Checkpoints milestone={milestone} />
      {milestone.parts.length > 0 && (
        <ul className="jp-TinyTorch-parts">
          {milestone.parts.map(part => (
            <Part key={part.id} part={part} owner={milestone.id} />
          ))}
        </ul>
      )}
      <Attempts milestone={milestone} />
    </div>
  );
}
