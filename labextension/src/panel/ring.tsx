import React from 'react';

function Arc(props: { name: string; radius: number; share: number }): React.ReactElement {
  const length = 2 * Math.PI * props.radius;
  const share = Math.max(0, Math.min(1, props.share));
  return (
    <g className={`jp-TinyTorch-${props.name}`}>
      <circle className="jp-TinyTorch-ringTrack" cx="18" cy="18" r={props.radius} />
      {share > 0 && (
        <circle
          className="jp-TinyTorch-ringArc"
          cx="18"
          cy="18"
          r={props.radius}
          strokeDasharray={`${share * length} ${length}`}
          transform="rotate(-90 18 18)"
        />
      )}
    </g>
  );
}

/** Two arcs: milestones outside, modules inside. The words beside it say the same. */
export function Ring(props: { milestones: number; modules: number }): React.ReactElement {
  return (
    <svg className="jp-TinyTorch-ring" viewBox="0 0 36 36" aria-hidden="true">
      <Arc name="ringOuter" radius={15.5} share={props.milestones} />
      <Arc name="ringInner" radius={10.5} share={props.modules} />
    </svg>
  );
}
