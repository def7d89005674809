import React from 'react';

import { CommandIDs } from '../ids';
import { usePanel } from './context';

/** Asks once, before anything of a course from elsewhere runs by itself. */
export function TrustCard(props: { name: string }): React.ReactElement {
  const { trans, run } = usePanel();
  return (
    <section className="jp-TinyTorch-next" data-kind="trust" aria-label={trans.__('Next')}>
      <div className="jp-TinyTorch-quiet">{trans.__('Next')}</div>
      <h3>{trans.__('Trust the course “%1”?', props.name)}</h3>
      <p className="jp-TinyTorch-quiet">
        {trans.__(
          'It was not made on this computer, so nothing of it has run. Trusting it means: whenever a module notebook is saved, its code is exported and its tests run here, with your rights.'
        )}
      </p>
      <p className="jp-TinyTorch-quiet">
        {trans.__('If you do not know where it came from, look through its notebooks first.')}
      </p>
      <div className="jp-TinyTorch-buttons">
        <button
          type="button"
          className="jp-TinyTorch-primary"
          onClick={() => {
            run(CommandIDs.trust);
          }}
        >
          {trans.__('Trust this course')}
        </button>
      </div>
    </section>
  );
}
