//! From values to places on an axis, and the round values that get a label. Used by charts alone.

/// How an axis is divided.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) enum Scale {
    /// Equal steps are equally far apart.
    Linear { from: f64, to: f64 },
    /// Equal factors are equally far apart; `from` is above 0.
    Logarithmic { from: f64, to: f64 },
}

/// How many labels an axis has, about.
const LABELS: f64 = 5.0;

impl Scale {
    /// From 0 to a round value that is not below `largest`.
    pub(super) fn from_zero(largest: f64) -> Self {
        let step = round_step(if largest > 0.0 { largest } else { 1.0 });
        Self::Linear { from: 0.0, to: (largest / step).ceil().max(1.0) * step }
    }

    /// Over all that is between, with a little room; values that are not above 0 count as the smallest step there is.
    pub(super) fn over_factors(smallest: f64, largest: f64) -> Self {
        let smallest = smallest.max(1e-3);
        let largest = largest.max(smallest);
        let below = [5.0, 2.0, 1.0].map(|times| times * 10_f64.powf(smallest.log10().floor()));
        let above = [1.0, 2.0, 5.0, 10.0].map(|times| times * 10_f64.powf(largest.log10().floor()));
        let from = below.into_iter().find(|value| *value <= smallest).unwrap_or(smallest);
        let to = above.into_iter().find(|value| *value >= largest).unwrap_or(largest);
        if to > from { Self::Logarithmic { from, to } } else { Self::Logarithmic { from: from / 2.0, to: to * 2.0 } }
    }

    /// Where a value is: 0 at the beginning of the axis, 1 at its end. What is beyond is put at the edge.
    pub(super) fn place(self, value: f64) -> f64 {
        let place = match self {
            Self::Linear { from, to } => (value - from) / (to - from),
            Self::Logarithmic { from, to } => (value.max(from) / from).ln() / (to / from).ln(),
        };
        place.clamp(0.0, 1.0)
    }

    /// The values that get a label.
    pub(super) fn ticks(self) -> Vec<f64> {
        match self {
            Self::Linear { from, to } => {
                let step = round_step(to - from);
                let first = (from / step).ceil();
                (0..20)
                    .map(|number| (first + f64::from(number)) * step)
                    .take_while(|value| *value <= to * 1.000_001)
                    .collect()
            }
            Self::Logarithmic { from, to } => {
                let decades = (to / from).log10();
                let steps: &[f64] = if decades > 3.5 { &[1.0] } else { &[1.0, 2.0, 5.0] };
                let first = from.log10().floor();
                (0..20)
                    .map(|decade| 10_f64.powf(first + f64::from(decade)))
                    .flat_map(|power| steps.iter().map(move |step| step * power))
                    .filter(|value| (from * 0.999_999..=to * 1.000_001).contains(value))
                    .collect()
            }
        }
    }
}

/// 1, 2 or 5 times a power of ten, so that a few of it make up the range.
fn round_step(range: f64) -> f64 {
    let rough = range / LABELS;
    let power = 10_f64.powf(rough.log10().floor());
    [1.0, 2.0, 5.0, 10.0].into_iter().map(|times| times * power).find(|step| *step >= rough * 0.999).unwrap_or(power)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn shown(scale: Scale) -> Vec<String> {
        scale.ticks().into_iter().map(|value| format!("{value:.3}")).collect()
    }

    #[test]
    fn labels_are_round_and_reach_the_largest() {
        assert_eq!(Scale::from_zero(97.0), Scale::Linear { from: 0.0, to: 100.0 });
        assert_eq!(shown(Scale::from_zero(97.0)), ["0.000", "20.000", "40.000", "60.000", "80.000", "100.000"]);
        assert_eq!(shown(Scale::over_factors(0.3, 4.0)), ["0.200", "0.500", "1.000", "2.000", "5.000"]);
        assert_eq!(shown(Scale::over_factors(0.3, 4000.0)).len(), 4);
    }

    #[test]
    fn every_value_is_on_the_axis_whatever_it_is() {
        for scale in [
            Scale::from_zero(0.0),
            Scale::from_zero(1e300),
            Scale::over_factors(0.0, 0.0),
            Scale::over_factors(1.0, 1.0),
        ] {
            for value in [-1.0, 0.0, 1e-9, 1.0, 1e300] {
                assert!((0.0..=1.0).contains(&scale.place(value)), "{scale:?} {value}");
            }
            assert!(!scale.ticks().is_empty(), "{scale:?}");
        }
    }
}
