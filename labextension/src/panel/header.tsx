import { HTMLSelect } from '@jupyterlab/ui-components';
import React from 'react';

import { CommandIDs } from '../ids';
import type { State } from '../state';
import { milestonesDone, modulesDone } from '../text';
import { usePanel } from './context';
import { Ring } from './ring';

function TrackSwitch({ state }: { state: State }): React.ReactElement | null {
  const { trans, run } = usePanel();
  const current = state.tracks.find(track => track.id === state.track);
  if (state.tracks.length < 2) {
    return current ? (
      <span className="jp-TinyTorch-track" title={current.description}>
        {current.title}
      </span>
    ) : null;
  }
  return (
    <HTMLSelect
      className="jp-TinyTorch-trackSwitch"
      aria-label={trans.__('Track')}
      title={current?.description}
      value={state.track}
      options={state.tracks.map(track => ({ value: track.id, label: track.title }))}
      onChange={event => {
        run(CommandIDs.switchTrack, { track: event.target.value });
      }}
    />
  );
}

/** Where am I: the course, its track, and how far. */
export function Header({ state }: { state: State }): React.ReactElement {
  const { trans } = usePanel();
  const milestones = state.milestones.length || 1;
  const modules = state.modules.length || 1;
  return (
    <header className="jp-TinyTorch-header">
      <div className="jp-TinyTorch-titleRow">
        <h2 title={state.workspace.path || '/'}>TinyTorch</h2>
        <TrackSwitch state={state} />
      </div>
      <div className="jp-TinyTorch-where">
        <Ring
          milestones={state.milestones_complete / milestones}
          modules={state.modules_complete / modules}
        />
        <div>
          <div className="jp-TinyTorch-strong">{milestonesDone(state, trans)}</div>
          <div className="jp-TinyTorch-quiet">{modulesDone(state, trans)}</div>
        </div>
      </div>
    </header>
  );
}
