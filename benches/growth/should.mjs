// What a figure should be at each size, from what was measured: a flat line, or one that grows with the size, through the point
// that is nearest to the ground. Smaller sizes lie above it because of what is paid once; larger ones, because the cost grows
// faster than it should.

/** The points of `key` that have a value above nothing, as `{ size, value }`. */
export function measured(points, key) {
  return points.map(({ size, values }) => ({ size, value: values?.[key] })).filter(({ value }) => Number.isFinite(value) && value > 0);
}

/** `size => value`, or nothing without points. */
export function should(figure, points) {
  const shape = figure.should === 'flat' ? () => 1 : (size) => size;
  const least = Math.min(...points.map(({ size, value }) => value / shape(size)));
  return points.length > 0 ? (size) => least * shape(size) : null;
}

/** How many times what it should be the figure is at the largest size. */
export function beyond(figure, points) {
  const line = should(figure, points);
  return line ? points.at(-1).value / line(points.at(-1).size) : NaN;
}
