/**
 * Contents paths: relative to the server's root, with slashes, "" for the root itself.
 */

/** Join a folder and a path below it. */
export function joinPath(folder: string, below: string): string {
  return folder ? `${folder}/${below}` : below;
}

/** The folder of a path, "" at the root. */
export function folderOf(path: string): string {
  return path.slice(0, Math.max(0, path.lastIndexOf('/')));
}

/** Which of these folders a path lies in, the innermost; null for none. */
export function workspaceOf(path: string, folders: readonly string[]): string | null {
  let best: string | null = null;
  for (const folder of folders) {
    const inside = folder === '' || path === folder || path.startsWith(`${folder}/`);
    if (inside && (best === null || folder.length > best.length)) {
      best = folder;
    }
  }
  return best;
}
