import React from 'react';

import type { ModuleState, State } from '../state';
import { usePanel } from './context';
import { Caret } from './glyphs';
import { ModuleRow } from './module_row';
import { useRoving } from './roving';

const COMING = 'modules/coming';

/** The modules in the order of the course; those still to be written are folded away. */
export function Modules({ state }: { state: State }): React.ReactElement {
  const { trans, opened, toggle } = usePanel();
  const roving = useRoving<HTMLElement>();
  const next = state.next.kind === 'module' ? state.next.id : '';
  const coming = state.modules.filter(module => module.status === 'coming');
  const here = state.modules.filter(module => module.status !== 'coming');
  const open = opened.has(COMING);
  const row = (module: ModuleState): React.ReactElement => (
    <ModuleRow key={module.id} module={module} isNext={module.id === next} />
  );
  return (
    <section className="jp-TinyTorch-modules" aria-label={trans.__('Modules')} {...roving}>
      <h3>{trans.__('Modules')}</h3>
      <ul>{here.map(row)}</ul>
      {coming.length > 0 && (
        <div data-branch="">
          <button
            type="button"
            className="jp-TinyTorch-coming"
            data-stop={COMING}
            aria-expanded={open}
            onClick={() => {
              toggle(COMING);
            }}
          >
            <Caret />
            {trans._n('%1 module is coming', '%1 modules are coming', coming.length)}
          </button>
          {open && <ul>{coming.map(row)}</ul>}
        </div>
      )}
    </section>
  );
}
