//! Classes of the user's.

#![forbid(unsafe_code)]

use serde::{Deserialize, Serialize};

#[derive(Serialize, Deserialize)]
struct Point {
    x: f64,
    y: f64,
}

#[derive(Serialize, Deserialize)]
enum Colour {
    Red,
    Mixed { red: u8, blue: u8 },
}

#[derive(Serialize)]
struct Moved {
    points: Vec<Point>,
    colour: Colour,
}

/// Move points.
#[spm_guest::closure]
fn shapes(points: Vec<Point>, by: Point, colour: Option<Colour>) -> Moved {
    let points = points.into_iter().map(|point| Point { x: point.x + by.x, y: point.y + by.y });
    Moved { points: points.collect(), colour: colour.unwrap_or(Colour::Mixed { red: 1, blue: 2 }) }
}
