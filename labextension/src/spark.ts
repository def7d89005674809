/** An SVG path through a curve, scaled to its own range; gaps where a value is not finite. */
export function sparkPath(
  values: readonly (number | null)[],
  width: number,
  height: number,
  margin = 1
): string {
  const finite = values.filter((value): value is number => value !== null);
  if (finite.length < 2) {
    return '';
  }
  const low = Math.min(...finite);
  const range = Math.max(...finite) - low || 1;
  const step = (width - 2 * margin) / (values.length - 1);
  let pen = 'M';
  let path = '';
  values.forEach((value, index) => {
    if (value === null) {
      pen = 'M';
      return;
    }
    const x = margin + index * step;
    const y = height - margin - ((value - low) / range) * (height - 2 * margin);
    path += `${pen}${x.toFixed(1)} ${y.toFixed(1)}`;
    pen = 'L';
  });
  return path;
}
