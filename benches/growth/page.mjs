// The curves as they stand in docs/benchmarks.md: of each its picture, a table, and how far the largest size is from what should be.

import { short } from '../peers/figures.mjs';
import { brief, plot } from './plot.mjs';
import { beyond, measured } from './should.mjs';

const of = (curve, points) => points.filter((point) => point.curve === curve.name);
const file = (curve) => `growth-${curve.name}.svg`;

/** Names and pictures. */
export const plots = (curves, points) => curves.map((curve) => [file(curve), plot(curve, of(curve, points))]);

/** All of it, of the curves that were measured. */
export function page({ date, machine, version }, curves, points) {
  return [
    `Measured on ${date.slice(0, 10)} by \`benches/growth/run\`: triproom ${version}, ${machine.cores} × ${machine.model}, `
      + `${Math.round(machine.memory / 2 ** 30)} GiB, ${machine.kernel}. A fresh server on one core for every point, the load tester on `
      + 'another; one round, so what differs by a third says nothing.',
    'The dashed line is what should be, flat or in proportion to the size, drawn through the point that is nearest to the ground: small sizes lie '
      + 'above it by what is paid once, and where the largest lies above it, the cost grows faster than it should. The last row says by how much.',
    '',
    ...curves.flatMap((curve) => section(curve, of(curve, points))),
  ].join('\n');
}

function section(curve, points) {
  const figures = Object.entries(curve.figures);
  const row = (...cells) => `| ${cells.join(' | ')} |`;
  return [
    `### ${curve.title}`, '', curve.text, '', `![${curve.title}: a plot of each column of the table below](${file(curve)})`, '',
    row(curve.axis, ...figures.map(([, { title }]) => title)),
    row('---', ...figures.map(() => '---')),
    ...points.map(({ size, values }) => row(brief(size), ...figures.map(([key]) => cell(values?.[key])))),
    row('should be', ...figures.map(([, figure]) => figure.should)),
    row('the largest, beside that', ...figures.map(([key, figure]) => {
      const times = beyond(figure, measured(points, key));
      return Number.isFinite(times) ? `× ${short(times)}` : '–';
    })),
    '',
    ...remarks(points),
  ];
}

const cell = (value) => (Number.isFinite(value) ? short(value) : '–');

/** What went wrong, where. */
function remarks(points) {
  const lines = points.flatMap(({ size, error, faults }) => [error, ...faults ?? []].filter(Boolean)
    .map((words) => `- at ${brief(size)}: ${words.replace(/[|<>`*_\u001b]/g, ' ').replace(/\s+/g, ' ').slice(0, 300)}`));
  return lines.length > 0 ? [...lines, ''] : [];
}
