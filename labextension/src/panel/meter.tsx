import React from 'react';

/** A thin bar of progress with words for a screen reader. */
export function Meter(props: { value: number; max: number; label: string }): React.ReactElement {
  const share = props.max > 0 ? Math.max(0, Math.min(1, props.value / props.max)) : 0;
  return (
    <div
      className="jp-TinyTorch-meter"
      role="progressbar"
      aria-label={props.label}
      aria-valuemin={0}
      aria-valuemax={props.max}
      aria-valuenow={props.value}
    >
      <div style={{ transform: `scaleX(${share})` }} />
    </div>
  );
}
