import React from 'react';

import { CommandIDs } from '../ids';
import { numberLinks } from '../text';
import { usePanel } from './context';

/** Modules as short links: "needs 02 03", "needs 14–19". */
export function ModuleLinks(props: { ids: readonly string[]; owner: string }): React.ReactElement {
  const { trans, run, model } = usePanel();
  return (
    <>
      {numberLinks(props.ids).map(link => {
        const module = model.module(link.id);
        const title = module ? `${module.number} ${module.title}` : link.label;
        return module?.notebook ? (
          <button
            key={link.id}
            type="button"
            className="jp-TinyTorch-link"
            data-stop={`${props.owner}/${link.id}`}
            aria-label={trans.__('Open module %1', title)}
            title={title}
            onClick={() => {
              run(CommandIDs.openNotebook, { notebook: module.notebook });
            }}
          >
            {link.label}
          </button>
        ) : (
          <span key={link.id} title={title}>
            {link.label}
          </span>
        );
      })}
    </>
  );
}
