import React from 'react';

import { gateLabel, gateValue } from '../gates';
import type { GateState, PartState } from '../state';
import { usePanel } from './context';
import { MarkGlyph } from './glyphs';
import { ModuleLinks } from './module_links';

function Gate(props: { gate: GateState; owner: string }): React.ReactElement {
  const { trans, model } = usePanel();
  const { gate } = props;
  const module = gate.module ? model.module(gate.module) : undefined;
  return (
    <li className="jp-TinyTorch-gate" data-gate={gate.id} aria-label={gateLabel(gate, trans)}>
      <MarkGlyph passed={gate.passed} />
      <span>{gate.title}</span>
      <span className="jp-TinyTorch-value">{gateValue(gate, trans)}</span>
      {gate.passed === false && gate.hint && (
        <p className="jp-TinyTorch-hint">
          {gate.hint} {module && <ModuleLinks ids={[module.id]} owner={props.owner} />}
        </p>
      )}
    </li>
  );
}

/** The criteria of a part, each with what was measured and what is required. */
export function Gates(props: { part: PartState; owner: string }): React.ReactElement | null {
  if (!props.part.gates.length) {
    return null;
  }
  return (
    <ul className="jp-TinyTorch-gates">
      {props.part.gates.map(gate => (
        <Gate key={gate.id} gate={gate} owner={`${props.owner}/${gate.id}`} />
      ))}
    </ul>
  );
}
