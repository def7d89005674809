/** The words of gates. */

import type { TranslationBundle } from '@jupyterlab/translation';

import type { GateState } from './state';

/** ">= 90 %" as it is written by hand: "≥ 90 %". */
export function comparison(required: string): string {
  return required.replaceAll('>=', '≥').replaceAll('<=', '≤');
}

/** "96.1 % ≥ 90 %", "72 %, needs ≥ 90 %"; only the requirement before anything was measured. */
export function gateValue(gate: GateState, trans: TranslationBundle): string {
  const required = comparison(gate.required);
  if (!gate.measured) {
    return required;
  }
  return gate.passed
    ? `${gate.measured} ${required}`
    : trans.__('%1, needs %2', gate.measured, required);
}

/** A gate as a screen reader says it. */
export function gateLabel(gate: GateState, trans: TranslationBundle): string {
  const required = trans.__('required %1', comparison(gate.required));
  if (gate.passed === null) {
    return trans.__('%1: waiting, %2', gate.title, required);
  }
  return gate.passed
    ? trans.__('%1: passed, measured %2, %3', gate.title, gate.measured, required)
    : trans.__('%1: failed, measured %2, %3', gate.title, gate.measured, required);
}
