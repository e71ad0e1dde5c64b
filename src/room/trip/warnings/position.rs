//! A position on the earth, and how far two are apart.

use serde_json::Value;

/// Radius of the earth, in kilometres, as if it were a ball.
const EARTH_KM: f64 = 6_371.0;

const MICRO: f64 = 1e6;

/// Latitude and longitude in millionths of a degree, about a tenth of a metre.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(super) struct Position {
    latitude: i32,
    longitude: i32,
}

impl Position {
    /// Of a place, if it says so.
    pub(super) fn read(place: &Value) -> Option<Self> {
        let degrees = |key, most: f64| {
            let degrees = place.get(key)?.as_f64().filter(|degrees| degrees.abs() <= most)?;
            #[expect(clippy::cast_possible_truncation, reason = "at most 180 millions")]
            Some((degrees * MICRO).round() as i32)
        };
        Some(Self { latitude: degrees("lat", 90.0)?, longitude: degrees("lng", 180.0)? })
    }

    /// The shortest way over the ground to another one, in kilometres, by the haversine formula.
    pub(super) fn kilometres(self, other: Self) -> f64 {
        let radians = |micro: i32| (f64::from(micro) / MICRO).to_radians();
        let half_sine = |from: i32, to: i32| ((radians(to) - radians(from)) / 2.0).sin().powi(2);
        let chord = half_sine(self.latitude, other.latitude)
            + radians(self.latitude).cos() * radians(other.latitude).cos() * half_sine(self.longitude, other.longitude);
        2.0 * EARTH_KM * chord.clamp(0.0, 1.0).sqrt().asin()
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn distances() {
        let at = |lat: f64, lng: f64| Position::read(&json!({"lat": lat, "lng": lng})).expect("a position");
        let (rome, paris) = (at(41.9028, 12.4964), at(48.8566, 2.3522));
        assert!((1_100.0..1_110.0).contains(&rome.kilometres(paris)));
        assert!(at(0.0, 179.9).kilometres(at(0.0, -179.9)) < 23.0, "over the date line");
        assert!((20_014.0..20_016.0).contains(&at(90.0, 0.0).kilometres(at(-90.0, 77.0))));
        for place in [json!({"lat": 91, "lng": 0}), json!({"lat": 1}), json!({"lat": "1", "lng": 1}), json!("Rome")] {
            assert_eq!(Position::read(&place), None, "{place}");
        }
    }
}
