//! The flat faces of a body, drawn as spans: along a row nothing about them needs a search.

use glam::{Vec2, Vec3};

use super::super::solid::Face;
use super::super::span::{Coordinate, Line};

/// A face of a cuboid, in the cuboid's own axes.
#[derive(Clone, Copy, Debug)]
pub(super) struct Facet {
    pub(super) face: Face,
    /// Metres across.
    pub(super) width: f32,
    /// Outwards.
    normal: Vec3,
    /// From the origin to its plane.
    distance: f32,
    u: Share,
    v: Share,
}

/// A point's share 0..=1 of the face's width or height: `point · way + origin`.
#[derive(Clone, Copy, Debug)]
struct Share {
    way: Vec3,
    origin: f32,
}

/// How a row of the picture sees a face.
#[derive(Clone, Copy, Debug)]
pub(super) struct Sight {
    /// One over depth.
    pub(super) near: Line,
    /// Shares of the face's width and height, as [`Hit`](super::super::solid::Hit) has them.
    pub(super) place: (Coordinate, Coordinate),
}

/// An eye that is less in front of a face does not see it.
const ABOVE_M: f32 = 1e-4;

impl Facet {
    /// The four sides and the top.
    pub(super) fn all(half: Vec2, height: f32) -> [Self; 5] {
        let share = |way: Vec3, half: f32| Share { way: way * (0.5 / half), origin: 0.5 };
        let side = |idx: u8, normal: Vec3, along: Vec3| {
            let (depth, reach) =
                if idx.is_multiple_of(2) { (half.x, half.y) } else { (half.y, half.x) };
            Self {
                face: Face::Side(idx),
                width: 2.0 * reach,
                normal,
                distance: depth,
                u: share(along, reach),
                v: Share { way: -Vec3::Z / height, origin: 1.0 },
            }
        };
        let top = Self {
            face: Face::Top,
            width: 2.0 * half.x,
            normal: Vec3::Z,
            distance: height,
            u: share(Vec3::X, half.x),
            v: share(Vec3::Y, half.y),
        };
        [
            side(0, Vec3::X, Vec3::Y),
            side(1, Vec3::Y, -Vec3::X),
            side(2, -Vec3::X, -Vec3::Y),
            side(3, -Vec3::Y, Vec3::X),
            top,
        ]
    }

    /// What an eye sees of it in a row whose first pixel looks along `first` and each further one
    /// `step` more; `None` from behind.
    pub(super) fn sight(&self, eye: Vec3, first: Vec3, step: Vec3) -> Option<Sight> {
        let above = eye.dot(self.normal) - self.distance;
        let line = |way: Vec3| Line { begin: first.dot(way), step: step.dot(way) };
        let coordinate = |share: Share| Coordinate {
            eye: eye.dot(share.way) + share.origin,
            way: line(share.way),
        };
        (above > ABOVE_M).then(|| Sight {
            near: line(self.normal).times(-1.0 / above),
            place: (coordinate(self.u), coordinate(self.v)),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::super::super::solid::{Form, Solid};
    use super::*;

    #[test]
    fn spans_are_what_rays_meet() {
        // If this failed, boxes would be drawn elsewhere than where their edges are smoothed and
        // their shadows fall.
        let (half, height) = (Vec2::new(0.4, 0.2), 0.3);
        let solid =
            Solid { form: Form::Cuboid { half }, base: Vec3::ZERO, height, cos: 1.0, sin: 0.0 };
        let eyes = [(1.0, 0.3, 0.5), (-0.9, 0.1, 0.2), (0.1, 0.8, 0.4), (-0.6, -0.7, 0.6)];
        for eye in eyes.map(|(x, y, z)| Vec3::new(x, y, z)) {
            let forward = (Vec3::new(0.05, 0.02, 0.1) - eye).normalize();
            let right = forward.cross(Vec3::Z);
            let (first, step) = (forward - right, right * (2.0 / 199.0));
            let mut seen = [None; 200];
            for facet in Facet::all(half, height) {
                let Some(Sight { near, place: (u, v) }) = facet.sight(eye, first, step) else {
                    continue;
                };
                for column in v.clip(near, u.clip(near, near.clip(0..200))) {
                    let depth = 1.0 / near.at(column);
                    seen[column] =
                        Some((facet.face, depth, u.at(column, depth), v.at(column, depth)));
                }
            }
            let mut differing = 0;
            for (column, seen) in seen.iter().enumerate() {
                let met = solid.hit_local(eye, first + step * column as f32);
                match (seen, met) {
                    (None, None) => {}
                    (Some((face, t, u, v)), Some(hit)) if *face == hit.face => {
                        let off = [t - hit.t, u - hit.u, v - hit.v];
                        assert!(off.iter().all(|off| off.abs() < 1e-3), "{off:?} {hit:?}");
                    }
                    _ => differing += 1,
                }
            }
            assert!(seen.iter().flatten().count() > 20 && differing <= 1, "{eye}: {differing}");
        }
    }
}
