//! Pictures that are sampled: 8-bit, packed, side lengths powers of two, with smaller copies of themselves for distance.
//!
//! Coordinates are phases: the whole picture is 0..2³², so that wrapping around is what integers do by themselves.

/// Packed 0x00BBGGRR.
pub(super) type Texel = u32;

#[derive(Clone, Debug)]
struct Level {
    log_width: u32,
    log_height: u32,
    texels: Vec<Texel>,
}

#[derive(Clone, Debug)]
pub(super) struct Texture {
    levels: Vec<Level>,
}

pub(super) fn pack(rgb: [f32; 3]) -> Texel {
    let [r, g, b] = rgb.map(|value| (value * 255.0 + 0.5).clamp(0.0, 255.0) as u32);
    r | g << 8 | b << 16
}

/// A share of the picture's side as a phase.
pub(super) fn phase(share: f32) -> u32 {
    ((share * 16_777_216.0) as i64 as u32) << 8
}

/// As [`phase`], for long runs that add up.
pub(super) fn fine_phase(share: f64) -> u32 {
    (share * 4_294_967_296.0) as i64 as u32
}

/// Weighs two texels, `share` of 256 parts of `b`.
fn mix(a: Texel, b: Texel, share: u32) -> Texel {
    let red_blue = ((a & 0x00ff_00ff) * (256 - share) + (b & 0x00ff_00ff) * share) >> 8;
    let green = ((a & 0xff00) * (256 - share) + (b & 0xff00) * share) >> 8;
    (red_blue & 0x00ff_00ff) | (green & 0xff00)
}

impl Texture {
    /// Paints every texel by its column and row shares 0..1.
    pub(super) fn paint(
        log_width: u32,
        log_height: u32,
        mut color: impl FnMut(f32, f32) -> [f32; 3],
    ) -> Self {
        let (width, height) = (1_u32 << log_width, 1_u32 << log_height);
        let texels = (0..height)
            .flat_map(|y| (0..width).map(move |x| (x, y)))
            .map(|(x, y)| {
                pack(color((x as f32 + 0.5) / width as f32, (y as f32 + 0.5) / height as f32))
            })
            .collect();
        Self { levels: vec![Level { log_width, log_height, texels }] }
    }

    /// Adds copies of half the size down to one texel a side.
    pub(super) fn with_smaller(mut self) -> Self {
        while let Some(smaller) = self.levels.last().and_then(Level::halved) {
            self.levels.push(smaller);
        }
        self
    }

    /// The level whose texels are about as large as a pixel, for `footprint` pictures a pixel.
    pub(super) fn level(&self, footprint: f32) -> usize {
        let texels = footprint * (1_u32 << self.levels[0].log_width) as f32;
        // The exponent of a float is its logarithm, rounded down.
        let log = (texels.to_bits() >> 23) as i32 - 127;
        log.clamp(0, self.levels.len() as i32 - 1) as usize
    }

    /// Bilinear; texel centres lie at half texels.
    pub(super) fn sample(&self, level: usize, u: u32, v: u32) -> Texel {
        let level = &self.levels[level];
        level.between(
            u.wrapping_sub(half_texel(level.log_width)),
            v.wrapping_sub(half_texel(level.log_height)),
        )
    }

    /// Bilinear in the largest level; texel centres lie at whole texels.
    pub(super) fn sample_corner(&self, u: u32, v: u32) -> Texel {
        self.levels[0].between(u, v)
    }
}

fn half_texel(log: u32) -> u32 {
    1 << (31 - log)
}

/// Splits a phase into the texel it is in and how far in, of 256.
fn split(phase: u32, log: u32) -> (u32, u32) {
    if log == 0 { (0, 0) } else { (phase >> (32 - log), (phase >> (24 - log)) & 255) }
}

impl Level {
    fn between(&self, u: u32, v: u32) -> Texel {
        let (x, share_x) = split(u, self.log_width);
        let (y, share_y) = split(v, self.log_height);
        let right = (x + 1) & ((1 << self.log_width) - 1);
        let below = (y + 1) & ((1 << self.log_height) - 1);
        let at = |x: u32, y: u32| self.texels[(y << self.log_width | x) as usize];
        let top = mix(at(x, y), at(right, y), share_x);
        let bottom = mix(at(x, below), at(right, below), share_x);
        mix(top, bottom, share_y)
    }

    fn halved(&self) -> Option<Self> {
        if self.log_width == 0 || self.log_height == 0 {
            return None;
        }
        let width = 1_usize << self.log_width;
        let rows = self.texels.chunks_exact(2 * width);
        let texels = rows
            .flat_map(|pair| {
                let (top, bottom) = pair.split_at(width);
                top.chunks_exact(2).zip(bottom.chunks_exact(2)).map(|(a, b)| {
                    let sum = |shift: u32| {
                        let part = |texel: u32| texel >> shift & 255;
                        (part(a[0]) + part(a[1]) + part(b[0]) + part(b[1]) + 2) / 4 << shift
                    };
                    sum(0) | sum(8) | sum(16)
                })
            })
            .collect();
        Some(Self { log_width: self.log_width - 1, log_height: self.log_height - 1, texels })
    }
}

/// Multiplies paint by light: both display-space, where the product of two powers is the power of the product. 128 is
/// neutral in `light` and `tint`.
pub(super) fn shade(paint: Texel, light: Texel, tint: [u32; 3]) -> Texel {
    let channel = |shift: u32, tint: u32| {
        let lit = ((paint >> shift & 255) * (light >> shift & 255)) * tint >> 14;
        lit.min(255) << shift
    };
    channel(0, tint[0]) | channel(8, tint[1]) | channel(16, tint[2])
}

/// Mean of four.
pub(super) fn mean(four: [Texel; 4]) -> Texel {
    let red_blue = four.iter().map(|texel| texel & 0x00ff_00ff).sum::<u32>() + 0x0002_0002;
    let green = four.iter().map(|texel| texel & 0xff00).sum::<u32>() + 0x0200;
    (red_blue >> 2 & 0x00ff_00ff) | (green >> 2 & 0xff00)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sampling_is_bilinear_and_wraps() {
        // If this failed, textures would swim, tear at their seams or be off by half a texel.
        let texture = Texture::paint(1, 1, |u, _| if u < 0.5 { [0.0; 3] } else { [1.0; 3] });
        assert_eq!(texture.sample(0, phase(0.25), phase(0.25)), 0);
        assert_eq!(texture.sample(0, phase(0.75), phase(0.25)), 0x00ff_ffff);
        let between = texture.sample(0, phase(0.5), phase(0.25));
        assert_eq!(between, texture.sample(0, phase(1.0), phase(0.25)));
        assert!((126..=129).contains(&(between & 255)), "{between:x}");
        assert_eq!(texture.sample(0, phase(3.75), 0), texture.sample(0, phase(-0.25), 0));
    }

    #[test]
    fn smaller_levels_are_means() {
        // If this failed, far floors would flicker or change colour.
        let texture =
            Texture::paint(3, 3, |u, _| if u < 0.5 { [0.2; 3] } else { [0.6; 3] }).with_smaller();
        assert_eq!(texture.levels.len(), 4);
        let mean = texture.sample(3, 0, 0) & 255;
        assert!((101..=103).contains(&mean), "{mean}");
        assert_eq!(texture.level(1.0 / 8.0), 0);
        assert_eq!(texture.level(0.26), 1);
        assert_eq!(texture.level(50.0), 3);
    }

    #[test]
    fn neutral_light_changes_nothing() {
        // If this failed, every picture would be tinted or dimmed.
        let paint = 0x0012_80ff;
        assert_eq!(shade(paint, 0x0080_8080, [128; 3]), paint);
        assert_eq!(mean([paint; 4]), paint);
    }
}
