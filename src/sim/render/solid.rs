//! Bodies that rays meet: upright boxes, upright cones and cylinders, balls.

use glam::{Vec2, Vec3};

/// A body's form around its own origin: the middle of its underside (of a ball: its lowest point).
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) enum Form {
    Cuboid {
        half: Vec2,
    },
    /// A cylinder that may widen; `is_open` lets one look into it from above.
    Frustum {
        bottom: f32,
        top: f32,
        is_open: bool,
    },
    Ball {
        radius: f32,
    },
}

/// Where a ray meets a body: which face, and where on it as shares 0..=1.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct Hit {
    /// In units of the ray's direction.
    pub t: f32,
    pub face: Face,
    pub u: f32,
    /// From the top down.
    pub v: f32,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Face {
    /// A cuboid's sides 0..4, counted counter-clockwise from its own +x.
    Side(u8),
    Top,
    /// Around a frustum or a ball.
    Round,
    /// A hollow frustum seen from above.
    Inside,
}

/// A form in its place.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct Solid {
    pub form: Form,
    pub base: Vec3,
    pub height: f32,
    pub cos: f32,
    pub sin: f32,
}

const NEAR: f32 = 1e-4;

impl Solid {
    /// Where a ray first meets it, if it does, farther than nothing.
    pub(super) fn hit(&self, origin: Vec3, direction: Vec3) -> Option<Hit> {
        self.hit_local(self.local_point(origin), self.local_direction(direction))
    }

    pub(super) fn local_point(&self, point: Vec3) -> Vec3 {
        self.local_direction(point - self.base)
    }

    /// Turned into its own axes; lengths stay.
    #[inline]
    pub(super) fn local_direction(&self, d: Vec3) -> Vec3 {
        Vec3::new(self.cos * d.x + self.sin * d.y, self.cos * d.y - self.sin * d.x, d.z)
    }

    pub(super) fn world_point(&self, p: Vec3) -> Vec3 {
        self.base + self.world_direction(p)
    }

    pub(super) fn world_direction(&self, d: Vec3) -> Vec3 {
        Vec3::new(self.cos * d.x - self.sin * d.y, self.sin * d.x + self.cos * d.y, d.z)
    }

    /// As [`Self::hit`], for a ray that is already in its own axes.
    #[inline]
    pub(super) fn hit_local(&self, o: Vec3, d: Vec3) -> Option<Hit> {
        match self.form {
            Form::Cuboid { half } => self.hit_cuboid(half, o, d),
            Form::Frustum { bottom, top, is_open } => self.hit_frustum(bottom, top, is_open, o, d),
            Form::Ball { radius } => Self::hit_ball(radius, o, d),
        }
    }

    /// Half extents of the box around it in its own axes.
    pub(super) fn half_extent(&self) -> Vec2 {
        match self.form {
            Form::Cuboid { half } => half,
            Form::Frustum { bottom, top, .. } => Vec2::splat(bottom.max(top)),
            Form::Ball { radius } => Vec2::splat(radius),
        }
    }

    #[inline]
    fn hit_cuboid(&self, half: Vec2, o: Vec3, d: Vec3) -> Option<Hit> {
        let inverse = d.recip();
        let low = (Vec3::new(-half.x, -half.y, 0.0) - o) * inverse;
        let high = (Vec3::new(half.x, half.y, self.height) - o) * inverse;
        let (enter, leave) = (low.min(high), low.max(high));
        let t = enter.max_element();
        if t < NEAR || t > leave.min_element() {
            return None;
        }
        let p = o + d * t;
        let across = |value: f32, half: f32| (0.5 + 0.5 * value / half).clamp(0.0, 1.0);
        let down = (1.0 - p.z / self.height).clamp(0.0, 1.0);
        let (face, u, v) = if enter.x >= t {
            let u = across(p.y, half.y);
            if d.x < 0.0 { (Face::Side(0), u, down) } else { (Face::Side(2), 1.0 - u, down) }
        } else if enter.y >= t {
            let u = across(p.x, half.x);
            if d.y < 0.0 { (Face::Side(1), 1.0 - u, down) } else { (Face::Side(3), u, down) }
        } else {
            (Face::Top, across(p.x, half.x), across(p.y, half.y))
        };
        Some(Hit { t, face, u, v })
    }

    #[inline]
    fn hit_frustum(&self, bottom: f32, top: f32, is_open: bool, o: Vec3, d: Vec3) -> Option<Hit> {
        let slope = (top - bottom) / self.height;
        let (radius, radius_change) = (bottom + slope * o.z, slope * d.z);
        let a = d.x * d.x + d.y * d.y - radius_change * radius_change;
        let b = o.x * d.x + o.y * d.y - radius * radius_change;
        let c = o.x * o.x + o.y * o.y - radius * radius;
        let root = (b * b - a * c).max(0.0).sqrt();
        let misses_coat = b * b < a * c;
        let lid = (self.height - o.z) / d.z;
        let (x, y) = (o.x + d.x * lid, o.y + d.y * lid);
        if d.z < 0.0 && lid > NEAR && x * x + y * y < top * top {
            if is_open && x * x + y * y < 0.86 * top * top {
                let far = (-b + root) / a;
                let depth = (1.0 - (o.z + d.z * far) / self.height).clamp(0.0, 1.0);
                return Some(Hit { t: lid, face: Face::Inside, u: 0.5, v: depth });
            }
            return Some(Hit { t: lid, face: Face::Top, u: 0.5, v: 0.5 });
        }
        let t = (-b - root) / a;
        let z = o.z + d.z * t;
        if misses_coat || t < NEAR || !(0.0..=self.height).contains(&z) {
            return None;
        }
        let u = around(o.x + d.x * t, o.y + d.y * t);
        Some(Hit { t, face: Face::Round, u, v: 1.0 - z / self.height })
    }

    #[inline]
    fn hit_ball(radius: f32, o: Vec3, d: Vec3) -> Option<Hit> {
        let o = o - Vec3::new(0.0, 0.0, radius);
        let (a, b, c) = (d.dot(d), o.dot(d), o.dot(o) - radius * radius);
        let root = b * b - a * c;
        if root < 0.0 {
            return None;
        }
        let t = (-b - root.sqrt()) / a;
        let p = o + d * t;
        let hit = Hit { t, face: Face::Round, u: around(p.x, p.y), v: 0.5 - 0.5 * p.z / radius };
        (t > NEAR).then_some(hit)
    }
}

/// Stands for the angle around the z axis, 0..1, without a trigonometric function: the place on a
/// square.
#[inline]
pub(super) fn around(x: f32, y: f32) -> f32 {
    let share = 0.25 * y / (x.abs() + y.abs()).max(1e-9);
    if x < 0.0 {
        0.5 - share
    } else if share < 0.0 {
        1.0 + share
    } else {
        share
    }
}

/// The unit vector that [`around`] maps to `share`.
pub(super) fn direction_around(share: f32) -> Vec2 {
    let at = share.rem_euclid(1.0) * 4.0;
    let (x, y) = match at as u32 {
        0 => (1.0 - at, at),
        1 => (1.0 - at, 2.0 - at),
        2 => (at - 3.0, 2.0 - at),
        _ => (at - 3.0, at - 4.0),
    };
    Vec2::new(x, y).normalize()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn solid(form: Form) -> Solid {
        Solid { form, base: Vec3::new(2.0, 0.0, 0.0), height: 0.4, cos: 1.0, sin: 0.0 }
    }

    #[test]
    fn rays_meet_bodies_where_geometry_says() {
        // If this failed, things would be drawn where they do not stand.
        let eye = Vec3::new(0.0, 0.0, 0.3);
        let ahead = Vec3::X;
        let cuboid = solid(Form::Cuboid { half: Vec2::new(0.5, 0.2) });
        let hit = cuboid.hit(eye, ahead).unwrap();
        assert!((hit.t - 1.5).abs() < 1e-6 && hit.face == Face::Side(2));
        assert!((hit.u - 0.5).abs() < 1e-6 && (hit.v - 0.25).abs() < 1e-6);
        let cylinder = solid(Form::Frustum { bottom: 0.1, top: 0.1, is_open: false });
        assert!((cylinder.hit(eye, ahead).unwrap().t - 1.9).abs() < 1e-6);
        let cone = solid(Form::Frustum { bottom: 0.1, top: 0.2, is_open: true });
        assert!((cone.hit(eye, ahead).unwrap().t - (2.0 - 0.175)).abs() < 1e-5);
        let ball = solid(Form::Ball { radius: 0.3 });
        assert!((ball.hit(eye, ahead).unwrap().t - 1.7).abs() < 1e-6);
        for body in [cuboid, cylinder, cone, ball] {
            assert_eq!(body.hit(eye, Vec3::new(1.0, 0.5, 0.0)), None);
            assert_eq!(body.hit(eye, -ahead), None, "behind the eye");
        }
    }

    #[test]
    fn looking_down_meets_tops_and_the_inside_of_a_cup() {
        // If this failed, boxes would be hollow and cups solid.
        let eye = Vec3::new(2.0, 0.0, 1.0);
        let down = Vec3::new(0.01, 0.0, -1.0);
        let face = |form| solid(form).hit(eye, down).unwrap().face;
        assert_eq!(face(Form::Cuboid { half: Vec2::splat(0.3) }), Face::Top);
        assert_eq!(face(Form::Frustum { bottom: 0.1, top: 0.2, is_open: false }), Face::Top);
        assert_eq!(face(Form::Frustum { bottom: 0.1, top: 0.2, is_open: true }), Face::Inside);
    }

    #[test]
    fn around_and_back() {
        // If this failed, light would fall on the wrong side of round things.
        for idx in 0..64 {
            let share = idx as f32 / 64.0;
            let direction = direction_around(share);
            assert!((around(direction.x, direction.y) - share).abs() < 1e-5, "{share}");
        }
    }
}
