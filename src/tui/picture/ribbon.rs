//! The plan as a ribbon on the ground, as wide as the robot, like the lines of a reversing camera.

use crate::tui::path::{Ground, Waypoint};

/// Half width of the ribbon where the robot's own is not known (m).
const THIN_M: f64 = 0.02;
/// The share of the half width that is drawn as an edge.
const EDGE: f64 = 0.88;
/// A light green that stands out from floors in brightness too.
const INK: [u8; 3] = [70, 232, 170];

/// How strongly the ribbon covers the picture, 0..=255.
#[derive(Clone, Copy, Debug)]
pub(super) struct Strength {
    pub(super) edge: u8,
    pub(super) fill: u8,
}

impl Strength {
    /// The policy drives.
    pub(super) const DRIVING: Self = Self { edge: 235, fill: 95 };
    /// It only says what it would do.
    pub(super) const SHADOW: Self = Self { edge: 120, fill: 28 };

    /// The part where the last twist is only continued.
    const fn continued(self) -> Self {
        Self { edge: self.edge / 3, fill: self.fill / 4 }
    }
}

#[derive(Debug, Default)]
pub(super) struct Ribbon {
    /// Coverage of each pixel of the picture; built anew for each drawing.
    mask: Vec<u8>,
}

impl Ribbon {
    /// Blends the ribbon into `pixels` (RGB, `width` x `height`).
    pub(super) fn blend(
        &mut self,
        pixels: &mut [u8],
        (width, height): (usize, usize),
        way: &[Waypoint],
        ground: &Ground,
        (half_width_m, strength): (f64, Strength),
    ) {
        self.mask.clear();
        self.mask.resize(width * height, 0);
        let half = if half_width_m > 0.0 { half_width_m } else { THIN_M };
        let strips = [(-1.0, -EDGE, true), (-EDGE, EDGE, false), (EDGE, 1.0, true)];
        for (a, b) in way.iter().zip(way.iter().skip(1)) {
            let part = if b.planned { strength } else { strength.continued() };
            for (right, left, is_edge) in strips {
                let corner = |at: &Waypoint, side: f64| {
                    let (sin, cos) = at.yaw.sin_cos();
                    let (u, v) =
                        ground.project(at.x - sin * side * half, at.y + cos * side * half)?;
                    Some((u * width as f64, v * height as f64))
                };
                let corners =
                    [corner(a, right), corner(a, left), corner(b, left), corner(b, right)];
                if let [Some(p), Some(q), Some(r), Some(s)] = corners {
                    let alpha = if is_edge { part.edge } else { part.fill };
                    self.fill([p, q, r, s], (width, height), alpha);
                }
            }
        }
        for (pixel, &alpha) in pixels.chunks_exact_mut(3).zip(&self.mask) {
            if alpha > 0 {
                for (byte, ink) in pixel.iter_mut().zip(INK) {
                    *byte = mix(*byte, ink, alpha);
                }
            }
        }
    }

    /// Adds a convex quadrilateral, four samples a pixel; overlapping parts never exceed `alpha`.
    fn fill(&mut self, corners: [(f64, f64); 4], (width, height): (usize, usize), alpha: u8) {
        let bound = |low: f64, high: f64, end: usize| {
            let clamp = |at: f64| at.clamp(0.0, end as f64) as usize;
            clamp(low.floor())..clamp(high.ceil())
        };
        let (mut low, mut high) = ((f64::MAX, f64::MAX), (f64::MIN, f64::MIN));
        for (x, y) in corners {
            low = (low.0.min(x), low.1.min(y));
            high = (high.0.max(x), high.1.max(y));
        }
        let (columns, rows) = (bound(low.0, high.0, width), bound(low.1, high.1, height));
        for (y, row) in self.mask.chunks_exact_mut(width.max(1)).enumerate() {
            if !rows.contains(&y) {
                continue;
            }
            for (x, mask) in row.iter_mut().enumerate().take(columns.end).skip(columns.start) {
                let sample = |dx: f64, dy: f64| is_inside(&corners, x as f64 + dx, y as f64 + dy);
                let samples = [(0.25, 0.25), (0.75, 0.25), (0.25, 0.75), (0.75, 0.75)];
                let n_inside = samples.iter().filter(|&&(dx, dy)| sample(dx, dy)).count() as u16;
                let added = u16::from(*mask) + u16::from(alpha) * n_inside / 4;
                *mask = (*mask).max(added.min(u16::from(alpha)) as u8);
            }
        }
    }
}

/// Whether a point lies on the same side of all four edges.
fn is_inside(corners: &[(f64, f64); 4], x: f64, y: f64) -> bool {
    let [a, b, c, d] = *corners;
    let side = |p: (f64, f64), q: (f64, f64)| (q.0 - p.0) * (y - p.1) - (q.1 - p.1) * (x - p.0);
    let sides = [side(a, b), side(b, c), side(c, d), side(d, a)];
    sides.iter().all(|&side| side >= 0.0) || sides.iter().all(|&side| side <= 0.0)
}

pub(super) const fn mix(below: u8, above: u8, alpha: u8) -> u8 {
    let (below, above, alpha) = (below as u32, above as u32, alpha as u32);
    ((below * (255 - alpha) + above * alpha + 127) / 255) as u8
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::msg::StationInfo;

    #[test]
    fn a_straight_plan_covers_the_middle_and_stays_in_its_width() {
        // A ribbon beside or wider than the way would make the operator misjudge a gap.
        let info = StationInfo {
            camera_height_m: 0.4,
            camera_hfov: std::f64::consts::FRAC_PI_2,
            ..StationInfo::default()
        };
        let (width, height) = (200_usize, 150_usize);
        let ground = Ground::new(&info, 4.0 / 3.0).unwrap();
        let at = |x: f64| Waypoint { x, y: 0.0, yaw: 0.0, planned: true };
        let way: Vec<_> = (0..30).map(|i| at(f64::from(i) * 0.1)).collect();
        let mut pixels = vec![0; width * height * 3];
        let shape = (0.2, Strength::DRIVING);
        Ribbon::default().blend(&mut pixels, (width, height), &way, &ground, shape);
        let covered = |x: usize, y: usize| pixels[(y * width + x) * 3 + 1] > 40;
        for y in 90..150 {
            let (left, _) = ground.project(1.0, 0.2).unwrap();
            // The row's ground distance follows from its place: half the width of the ribbon is
            // seen as (half width / height of the camera) of its distance to the horizon.
            let half = (y as f64 + 0.5 - 75.0) * 0.2 / 0.4;
            assert!(covered(100, y) && left < 0.5);
            assert!(!covered((100.0 + half + 2.0) as usize, y), "too wide in row {y}");
            assert!(covered((100.0 + half - 2.0) as usize, y), "too narrow in row {y}");
        }
        assert!(!(0..75).any(|y| covered(100, y)), "nothing above the horizon");
    }
}
