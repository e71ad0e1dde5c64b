//! Charts as SVG, drawn here and not by a script, so that a report shows them wherever it is read. The script of the page only
//! shows the values under a pointer, which each chart carries as JSON.

use maud::{Markup, html};
use serde_json::json;

use super::scale::Scale;
use crate::load::words::without_zeros;

const WIDTH: f64 = 560.0;
const HEIGHT: f64 = 264.0;
const LEFT: f64 = 62.0;
const RIGHT: f64 = 14.0;
const TOP: f64 = 12.0;
const BOTTOM: f64 = 42.0;

/// More points than this are not seen in a chart of this width.
const POINTS: usize = 400;

/// How many colours there are; a further series begins again with other dashes.
const COLOURS: usize = 8;

/// How lines are dashed, in the classes of the page's style. There are more than anybody can tell apart.
const DASHES: [&str; 4] = ["", " dashed", " dotted", " dash-dotted"];

/// How the run or series at a place is told from the others, in whatever is shown of it.
pub(super) fn look(place: usize) -> String {
    format!("colour{}{}", place % COLOURS, DASHES[place / COLOURS % DASHES.len()])
}

/// One axis.
pub(super) struct Axis {
    pub(super) scale: Scale,
    /// How a value is said.
    pub(super) say: fn(f64) -> String,
    /// Instead of the scale's own round values.
    pub(super) ticks: Option<Vec<f64>>,
}

/// What becomes of several points that fall into one.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Thinned {
    /// The largest stays: a peak must not vanish.
    Largest,
    /// Their mean.
    Mean,
}

/// How a series is drawn.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Drawn {
    Line,
    /// A line with what is below it filled.
    Area,
    /// A thin line, for what is beside the point.
    Faint,
    /// A line with a mark at each point.
    Marks,
}

/// One line; nothing where there is no value.
pub(super) struct Series {
    /// Empty if it is the only one and says nothing that the title does not.
    pub(super) label: String,
    /// Which colour, and how it is dashed: see [`look`].
    pub(super) colour: usize,
    pub(super) drawn: Drawn,
    pub(super) thinned: Thinned,
    /// In the order of their first value.
    pub(super) points: Vec<(f64, Option<f64>)>,
}

/// One chart with what is said about it.
pub(super) struct Chart {
    pub(super) title: &'static str,
    /// How to read it, in one sentence.
    pub(super) reading: String,
    pub(super) x: Axis,
    /// What is along it.
    pub(super) along: &'static str,
    pub(super) y: Axis,
    pub(super) series: Vec<Series>,
}

impl Chart {
    /// The figure; nothing if no series has a value.
    pub(super) fn draw(&self) -> Markup {
        if self.series.iter().all(|series| series.points.iter().all(|(_, value)| value.is_none())) {
            return html! {};
        }
        let lines = self.series.iter().map(|series| self.line(series)).collect::<Vec<_>>();
        let values = json!(
            lines
                .iter()
                .map(|line| json!({ "label": line.label, "class": line.class, "points": line.values }))
                .collect::<Vec<_>>()
        );
        html! {
            figure.chart {
                figcaption {
                    h3 { (self.title) }
                    p { (self.reading) }
                    @if lines.iter().any(|line| !line.label.is_empty()) {
                        ul.legend {
                            @for line in &lines { li { span class={ "key " (line.class) } {} (line.label) } }
                        }
                    }
                }
                div.plot data-values=(values) {
                    svg viewBox=(format!("0 0 {WIDTH} {HEIGHT}")) role="img" aria-label=(self.title) {
                        (self.axes())
                        @for line in &lines {
                            @if let Some(area) = &line.area { path class={ "area " (line.class) } d=(area) {} }
                            path class={ "line " (line.class) } d=(line.path) {}
                            @for (x, y) in &line.marks { circle class={ "mark " (line.class) } cx=(x) cy=(y) r="3.5" {} }
                        }
                        line.cursor x1="0" x2="0" y1=(TOP) y2=(HEIGHT - BOTTOM) {}
                    }
                    div.values hidden {}
                }
            }
        }
    }

    fn axes(&self) -> Markup {
        let ticks = |axis: &Axis| axis.ticks.clone().unwrap_or_else(|| axis.scale.ticks());
        let (bottom, right) = (HEIGHT - BOTTOM, WIDTH - RIGHT);
        html! {
            @for tick in ticks(&self.y) {
                @let y = place(self.vertical(tick));
                line.grid x1=(LEFT) x2=(right) y1=(y) y2=(y) {}
                text.y x=(LEFT - 8.0) y=(y) { (without_zeros(&(self.y.say)(tick))) }
            }
            @for tick in ticks(&self.x) {
                @let x = place(self.horizontal(tick));
                line.tick x1=(x) x2=(x) y1=(bottom) y2=(bottom + 4.0) {}
                text.x x=(x) y=(bottom + 17.0) { (without_zeros(&(self.x.say)(tick))) }
            }
            line.axis x1=(LEFT) x2=(right) y1=(bottom) y2=(bottom) {}
            text.title x=(right) y=(HEIGHT - 5.0) { (self.along) }
        }
    }

    fn horizontal(&self, value: f64) -> f64 {
        LEFT + self.x.scale.place(value) * (WIDTH - LEFT - RIGHT)
    }

    fn vertical(&self, value: f64) -> f64 {
        HEIGHT - BOTTOM - self.y.scale.place(value) * (HEIGHT - TOP - BOTTOM)
    }

    fn line(&self, series: &Series) -> Line {
        let faint = if series.drawn == Drawn::Faint { " faint" } else { "" };
        let mut line =
            Line { label: series.label.clone(), class: format!("{}{faint}", look(series.colour)), ..Line::default() };
        let mut area = String::new();
        let bottom = place(HEIGHT - BOTTOM);
        for part in series.thin().split(|(_, value)| value.is_none()) {
            let places = part.iter().filter_map(|(x, value)| value.map(|value| (*x, value)));
            let places = places.map(|(x, value)| (x, value, place(self.horizontal(x)), place(self.vertical(value))));
            let places = places.collect::<Vec<_>>();
            let (Some((.., first, _)), Some((.., last, top))) = (places.first(), places.last()) else { continue };
            let drawn = places.iter().map(|(.., x, y)| format!("L{x} {y}")).collect::<String>();
            // It ends where it ended: a lone point is a line of no length, which round ends make a dot.
            line.path.extend(["M", &drawn[1..], &format!("L{last} {top}")]);
            area.extend([format!("M{first} {bottom}{drawn}L{last} {bottom}Z")]);
            line.values.extend(
                places.iter().map(|(x, value, left, top)| json!([left, top, (self.x.say)(*x), (self.y.say)(*value)])),
            );
            if series.drawn == Drawn::Marks {
                line.marks.extend(places.iter().map(|(.., x, y)| (*x, *y)));
            }
        }
        line.area = (series.drawn == Drawn::Area).then_some(area);
        line
    }
}

/// A series on its places.
#[derive(Default)]
struct Line {
    label: String,
    class: String,
    path: String,
    area: Option<String>,
    marks: Vec<(f64, f64)>,
    values: Vec<serde_json::Value>,
}

impl Series {
    /// At most [`POINTS`] of the points.
    fn thin(&self) -> Vec<(f64, Option<f64>)> {
        if self.points.len() <= POINTS {
            return self.points.clone();
        }
        let together = self.points.len().div_ceil(POINTS);
        let one = |part: &[(f64, Option<f64>)]| {
            let values = part.iter().filter_map(|(_, value)| *value);
            let value = match self.thinned {
                Thinned::Largest => values.reduce(f64::max),
                Thinned::Mean => {
                    let count = values.clone().count();
                    (count > 0).then(|| values.sum::<f64>() / count as f64)
                }
            };
            (part[0].0, value)
        };
        self.points.chunks(together).map(one).collect()
    }
}

/// A tenth of a unit is finer than any screen.
fn place(value: f64) -> f64 {
    (value * 10.0).round() / 10.0
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_two_of_many_look_the_same() {
        let looks: std::collections::BTreeSet<_> = (0..32).map(look).collect();
        assert_eq!(looks.len(), 32);
        for class in DASHES.iter().flat_map(|class| class.split_whitespace()) {
            for of in [".line", ".key"] {
                let rule = format!("{of}.{class} {{");
                assert!(include_str!("style.css").contains(&rule), "the style has no {rule}");
            }
        }
    }

    #[test]
    fn thinning_keeps_the_peak_and_the_number_of_points_small() {
        let mut points = (0..100_000).map(|second| (f64::from(second), Some(1.0))).collect::<Vec<_>>();
        points[77_777].1 = Some(500.0);
        let mut series =
            Series { label: String::new(), colour: 0, drawn: Drawn::Line, thinned: Thinned::Largest, points };
        assert!(series.thin().len() <= POINTS);
        assert!(series.thin().iter().any(|(_, value)| *value == Some(500.0)));
        series.thinned = Thinned::Mean;
        assert!(series.thin().iter().all(|(_, value)| value.is_some_and(|value| value < 10.0)));
    }
}
