// A curve as a picture: a panel a figure, both axes logarithmic, the points, and a dashed line where they should be. An SVG that
// needs nothing else and is readable on light and on dark pages.

import { short } from '../peers/figures.mjs';
import { measured, should } from './should.mjs';

const PANEL = { width: 330, height: 250 };
const COLUMNS = 3;
/** Of the plot within its panel. */
const INSET = { left: 62, right: 18, top: 40, bottom: 52 };
/** Panels with fewer decades than this look as if little things were large. */
const DECADES = 2;
const STYLE = `
  .page { fill: #fff } text { font: 12px system-ui, sans-serif; fill: #18212c } .soft { fill: #5b6775 } .title { font-weight: 600 }
  .grid { stroke: #e2e6eb } .line { fill: none; stroke: #2563eb; stroke-width: 2 } .point { fill: #2563eb }
  .should { fill: none; stroke: #5b6775; stroke-width: 1.5; stroke-dasharray: 5 4 }
  @media (prefers-color-scheme: dark) {
    .page { fill: #10151b } text { fill: #e6ebf1 } .soft { fill: #95a2b1 } .grid { stroke: #2a333e }
    .line { stroke: #6ea3ff } .point { fill: #6ea3ff } .should { stroke: #95a2b1 }
  }`;

/** The picture of `curve` with what was measured of it. */
export function plot(curve, points) {
  const panels = Object.entries(curve.figures).map(([key, figure]) => ({ figure, points: measured(points, key) }));
  const width = PANEL.width * Math.min(COLUMNS, panels.length);
  const height = PANEL.height * Math.ceil(panels.length / COLUMNS);
  const drawn = panels.map((panel, at) => `<g transform="translate(${PANEL.width * (at % COLUMNS)} ${PANEL.height * Math.floor(at / COLUMNS)})">`
    + `${draw(panel, curve)}</g>`);
  return `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 ${width} ${height}" width="${width}" height="${height}" role="img">
<title>${escape(curve.title)}</title><style>${STYLE}</style>
<clipPath id="plot"><rect x="${INSET.left}" y="${INSET.top}" width="${PANEL.width - INSET.left - INSET.right}" height="${PANEL.height - INSET.top - INSET.bottom}"/></clipPath>
<rect class="page" width="${width}" height="${height}"/>
${drawn.join('\n')}
</svg>
`;
}

function draw({ figure, points }, { sizes, axis }) {
  const across = scale([sizes[0], sizes.at(-1)], INSET.left, PANEL.width - INSET.right);
  const values = points.map(({ value }) => value);
  const line = should(figure, points);
  const up = scale(values.length ? widened(values) : [1, 100], PANEL.height - INSET.bottom, INSET.top);
  const middle = (INSET.left + PANEL.width - INSET.right) / 2;
  const ends = line ? [points[0].size, points.at(-1).size].map((size) => ({ size, value: line(size) })) : [];
  const path = (through) => through.map(({ size, value }, at) => `${at ? 'L' : 'M'}${round(across(size))} ${round(up(value))}`).join('');
  return [
    `<text class="title" x="${INSET.left}" y="20">${escape(figure.title)}</text>`,
    ...across.marks.map((mark) => `<text class="soft" text-anchor="middle" x="${round(across(mark))}" y="${PANEL.height - INSET.bottom + 18}">`
      + `${brief(mark)}</text>`),
    ...up.marks.map((mark) => `<path class="grid" d="M${INSET.left} ${round(up(mark))}H${PANEL.width - INSET.right}"/>`
      + `<text class="soft" text-anchor="end" x="${INSET.left - 7}" y="${round(up(mark) + 4)}">${brief(mark)}</text>`),
    `<text class="soft" text-anchor="middle" x="${middle}" y="${PANEL.height - 14}">${escape(axis)}; dashed: `
      + `should be ${figure.should}</text>`,
    `<path class="should" clip-path="url(#plot)" d="${path(ends)}"/><path class="line" d="${path(points)}"/>`,
    ...points.map((point) => `<circle class="point" r="3.5" cx="${round(across(point.size))}" cy="${round(up(point.value))}">`
      + `<title>${brief(point.size)}: ${short(point.value)}</title></circle>`),
  ].join('\n');
}

/** From and to, whole decades apart, around `values`. */
function widened(values) {
  const from = Math.floor(Math.log10(Math.min(...values)));
  const to = Math.ceil(Math.log10(Math.max(...values)));
  const missing = Math.max(0, DECADES - (to - from));
  return [10 ** (from - Math.floor(missing / 2)), 10 ** (to + Math.ceil(missing / 2))];
}

/** From a value to its place, logarithmically; `marks` are the decades. */
export function scale([from, to], start, end) {
  const decades = Math.log10(to / from);
  const place = (value) => start + (end - start) * (Math.log10(value / from) / decades);
  const whole = Math.floor(decades + 1e-9);
  place.marks = Array.from({ length: whole + 1 }, (_, at) => from * 10 ** at);
  return place;
}

/** As short as a label must be: 10k, 5M, 0.1. */
export function brief(value) {
  const [divisor, unit] = [[1e6, 'M'], [1e3, 'k'], [1, '']].find(([least]) => value >= least) ?? [1, ''];
  return `${Number((value / divisor).toPrecision(3))}${unit}`;
}

const round = (value) => Math.round(value * 10) / 10;
const escape = (text) => text.replaceAll('&', '&amp;').replaceAll('<', '&lt;');
