//! Changes of a window of pictures that leave its meaning: what is learnt holds for other lights,
//! lenses and mountings, and for left as for right.
//!
//! All is drawn once for a window, from its random numbers, but for the noise, which is each
//! picture's own. In a mirror left and right change places in the picture, `y.vel` and `theta.vel`
//! change their signs ([`mirror_twist`]) and the words change as [`crate::sim::language::mirror`]
//! says.
//!
//! Deliberately absent: which windows; turning or stretching the picture, which would turn the way.

mod paint;

use rand::RngExt;

use super::labels::AXES;

pub use paint::Painter;

/// How far pictures are changed; each range is symmetric about no change, each drawn evenly.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct AugmentConfig {
    /// Share of mirrored windows, where the clip may be mirrored.
    pub mirror: f64,
    /// Added to each level, in shares of the full one.
    pub brightness: f32,
    /// Gain about the middle level, 1 +- this.
    pub contrast: f32,
    /// 1 +- this; 0 is grey.
    pub saturation: f32,
    /// Gain of each channel by itself, 1 +- this.
    pub tint: f32,
    /// Most weight of each neighbour in a blur over three pixels, up to 1/3.
    pub blur: f32,
    /// Largest standard deviation of the noise, levels of 255.
    pub noise: f32,
    /// Most that is cropped, in shares of the picture.
    pub zoom: f32,
    /// Most that the picture is shifted along each axis, in shares of it.
    pub shift: f32,
    /// Share of windows with a grey rectangle over part of the picture.
    pub cut_out: f64,
}

impl Default for AugmentConfig {
    fn default() -> Self {
        Self {
            mirror: 0.5,
            brightness: 0.12,
            contrast: 0.2,
            saturation: 0.3,
            tint: 0.08,
            blur: 0.2,
            noise: 6.0,
            zoom: 0.04,
            shift: 0.02,
            cut_out: 0.0,
        }
    }
}

impl AugmentConfig {
    /// Nothing is changed.
    pub const NONE: Self = Self {
        mirror: 0.0,
        brightness: 0.0,
        contrast: 0.0,
        saturation: 0.0,
        tint: 0.0,
        blur: 0.0,
        noise: 0.0,
        zoom: 0.0,
        shift: 0.0,
        cut_out: 0.0,
    };
}

/// What is done to each picture of a window.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Look {
    pub is_mirrored: bool,
    brightness: f32,
    contrast: f32,
    saturation: f32,
    tint: [f32; 3],
    blur: f32,
    noise: f32,
    /// Share of the picture that is seen, at most 1.
    zoom: f32,
    /// In shares of the picture.
    shift: (f32, f32),
    /// Left, top, width and height in shares of the picture.
    cut_out: Option<[f32; 4]>,
}

impl Look {
    /// The picture as it is.
    pub const PLAIN: Self = Self {
        is_mirrored: false,
        brightness: 0.0,
        contrast: 1.0,
        saturation: 1.0,
        tint: [1.0; 3],
        blur: 0.0,
        noise: 0.0,
        zoom: 1.0,
        shift: (0.0, 0.0),
        cut_out: None,
    };

    /// Always draws as many numbers, so that one setting does not change what another draws.
    #[must_use]
    pub fn draw(config: &AugmentConfig, may_mirror: bool, rng: &mut impl rand::Rng) -> Self {
        let is_mirrored = rng.random::<f64>() < config.mirror;
        let is_cut = rng.random::<f64>() < config.cut_out;
        let mut share = || rng.random::<f32>();
        let mut about = |most: f32| most * 2.0f32.mul_add(share(), -1.0);
        let brightness = about(config.brightness);
        let contrast = 1.0 + about(config.contrast);
        let saturation = 1.0 + about(config.saturation);
        let tint = std::array::from_fn(|_| 1.0 + about(config.tint));
        let shift = (about(config.shift), about(config.shift));
        let [blur, noise, zoom] = [config.blur.min(1.0 / 3.0), config.noise, config.zoom]
            .map(|most| most * rng.random::<f32>());
        let [left, top, width, height] = std::array::from_fn(|_| rng.random::<f32>());
        // From a tenth to three tenths of each side.
        let side = |share: f32| 0.2f32.mul_add(share, 0.1);
        Self {
            is_mirrored: is_mirrored && may_mirror,
            brightness,
            contrast,
            saturation,
            tint,
            blur,
            noise,
            zoom: 1.0 - zoom,
            shift,
            cut_out: is_cut.then_some([left, top, side(width), side(height)]),
        }
    }
}

/// A command seen in a mirror.
#[must_use]
pub const fn mirror_twist([x, y, yaw]: [f32; AXES]) -> [f32; AXES] {
    [x, -y, -yaw]
}

#[cfg(test)]
mod tests {
    use rand::SeedableRng;
    use rand_pcg::Pcg64;

    use super::*;

    #[test]
    fn nothing_asked_for_is_nothing_drawn() {
        // An ablation without augmentation would still be augmented.
        let mut rng = Pcg64::seed_from_u64(1);
        for _ in 0..100 {
            assert_eq!(Look::draw(&AugmentConfig::NONE, true, &mut rng), Look::PLAIN);
        }
    }

    #[test]
    fn one_setting_leaves_the_others_draws() {
        // Two trainings that differ in one setting would not be comparable.
        let draw = |config: &AugmentConfig, may_mirror| {
            Look::draw(config, may_mirror, &mut Pcg64::seed_from_u64(7))
        };
        let config = AugmentConfig::default();
        let all = draw(&AugmentConfig { mirror: 1.0, cut_out: 1.0, ..config }, true);
        assert!(all.is_mirrored && all.cut_out.is_some());
        let plain = draw(&AugmentConfig { mirror: 0.0, ..config }, true);
        assert_eq!(Look { is_mirrored: false, cut_out: None, ..all }, plain);
        assert_eq!(draw(&AugmentConfig { mirror: 1.0, ..config }, false), plain);
    }

    #[test]
    fn draws_keep_to_their_ranges() {
        // Pictures would be changed beyond recognition now and then.
        let mut rng = Pcg64::seed_from_u64(3);
        let config = AugmentConfig::default();
        let mut mirrored = 0;
        for _ in 0..2000 {
            let look = Look::draw(&config, true, &mut rng);
            mirrored += u32::from(look.is_mirrored);
            assert!(look.brightness.abs() <= 0.12 && (look.contrast - 1.0).abs() <= 0.2001);
            assert!((0.96..=1.0).contains(&look.zoom) && look.shift.0.abs() <= 0.02);
            assert!((0.0..=6.0).contains(&look.noise) && (0.0..=0.2).contains(&look.blur));
        }
        assert!((900..1100).contains(&mirrored), "{mirrored}");
        let back = mirror_twist(mirror_twist([0.1, 0.2, -0.3])).map(f32::to_bits);
        assert_eq!(back, [0.1_f32, 0.2, -0.3].map(f32::to_bits));
    }
}
