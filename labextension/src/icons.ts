import { LabIcon } from '@jupyterlab/ui-components';

/** A torch: a flame over a handle, in the colours Lab gives to its own icons. */
export const torchIcon = new LabIcon({
  name: 'tinytorch:torch',
  svgstr: `<svg xmlns="http://www.w3.org/2000/svg" width="16" viewBox="0 0 24 24">
  <g class="jp-icon3 jp-icon-selectable" fill="#616161">
    <path fill-rule="evenodd" d="M12.6 1.5c.5 2.7 4.9 4.4 4.9 8.4 0 2.8-2.4 4.9-5.5 4.9s-5.5-2.1-5.5-4.9c0-1.7.8-3.1 1.9-4.2.2 1.2.7 1.9 1.5 2.3.1-2.6 1-4.9 2.7-6.5zM12.2 8c-.3 1.4-2 2.1-2 3.7 0 1 .8 1.6 1.8 1.6s1.8-.6 1.8-1.6c0-1.4-1.3-2.1-1.6-3.7z"/>
    <path d="M7.5 16h9l-.5 2h-8zM9 19h6l-1.2 3.6h-3.6z"/>
  </g>
</svg>`
});
