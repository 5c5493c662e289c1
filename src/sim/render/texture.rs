//! Pictures that are sampled: 8-bit, packed, side lengths powers of two, with smaller copies of
//! themselves for distance.
//!
//! Coordinates are phases: the whole picture is 0..2³², so that wrapping around is what integers do
//! by themselves.

/// Packed 0x00BBGGRR. Small, because waiting for memory costs more than the arithmetic.
pub(super) type Texel = u32;

/// Red and blue, far enough apart to be weighed by one multiplication.
const RED_BLUE: Texel = 0x00ff_00ff;
const GREEN: Texel = 0xff00;

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
    let [red, green, blue] = rgb.map(|value| (value * 255.0 + 0.5).clamp(0.0, 255.0) as Texel);
    red | green << 8 | blue << 16
}

pub(super) fn unpack(texel: Texel) -> [f32; 3] {
    bytes(texel).map(|value| f32::from(value) / 255.0)
}

/// Red, green, blue.
#[inline]
pub(super) fn bytes(texel: Texel) -> [u8; 3] {
    [texel as u8, (texel >> 8) as u8, (texel >> 16) as u8]
}

/// A share of the picture's side as a phase; shares to ±127 wrap around exactly.
#[inline]
pub(super) fn phase(share: f32) -> u32 {
    ((share * 16_777_216.0) as i32 as u32) << 8
}

/// As [`phase`], for long runs that add up.
pub(super) fn fine_phase(share: f64) -> u32 {
    (share * 4_294_967_296.0) as i64 as u32
}

impl Texture {
    /// Paints every texel by its column and row shares 0..1. At least two texels a side.
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

    /// One colour everywhere.
    pub(super) fn plain(rgb: [f32; 3]) -> Self {
        Self::paint(1, 1, |_, _| rgb)
    }

    /// Adds copies of half the size down to two texels a side.
    pub(super) fn with_smaller(mut self) -> Self {
        while let Some(smaller) = self.levels.last().and_then(Level::halved) {
            self.levels.push(smaller);
        }
        self
    }

    /// The level whose texels are about as large as a pixel, for `footprint` pictures a pixel.
    #[inline]
    pub(super) fn level(&self, footprint: f32) -> usize {
        let texels = footprint * (1_u32 << self.levels[0].log_width) as f32;
        // The exponent of a float is its logarithm, rounded down.
        let log = (texels.to_bits() >> 23).saturating_sub(127) as usize;
        log.min(self.levels.len() - 1)
    }

    /// Bilinear; texel centres lie at half texels.
    #[expect(clippy::inline_always, reason = "runs for every pixel; a call costs a quarter of it")]
    #[inline(always)]
    pub(super) fn sample(&self, level: usize, u: u32, v: u32) -> Texel {
        let level = &self.levels[level];
        level.between(
            u.wrapping_sub(1 << (31 - level.log_width)),
            v.wrapping_sub(1 << (31 - level.log_height)),
        )
    }

    /// Bilinear in the largest level; texel centres lie at whole texels.
    #[expect(clippy::inline_always, reason = "runs for every pixel; a call costs a quarter of it")]
    #[inline(always)]
    pub(super) fn sample_corner(&self, u: u32, v: u32) -> Texel {
        self.levels[0].between(u, v)
    }
}

impl Level {
    /// Weighs the four texels around a place; the weights add up to 256.
    #[expect(clippy::inline_always, reason = "runs for every pixel; a call costs a quarter of it")]
    #[inline(always)]
    fn between(&self, u: u32, v: u32) -> Texel {
        let (x, y) = (u >> (32 - self.log_width), v >> (32 - self.log_height));
        let share_x = (u >> (24 - self.log_width)) & 255;
        let share_y = (v >> (24 - self.log_height)) & 255;
        let width = 1 << self.log_width;
        let right = (x + 1) & (width - 1);
        let row = y << self.log_width;
        let row_below = (row + width) & ((width << self.log_height) - 1);
        let at = |row: u32, x: u32| self.texels[(row + x) as usize];
        let both = (share_x * share_y) >> 8;
        let four = [
            (at(row, x), 256 + both - share_x - share_y),
            (at(row, right), share_x - both),
            (at(row_below, x), share_y - both),
            (at(row_below, right), both),
        ];
        let (mut red_blue, mut green) = (0, 0);
        for (texel, weight) in four {
            red_blue += (texel & RED_BLUE) * weight;
            green += (texel & GREEN) * weight;
        }
        (red_blue >> 8 & RED_BLUE) | (green >> 8 & GREEN)
    }

    fn halved(&self) -> Option<Self> {
        if self.log_width < 2 || self.log_height < 2 {
            return None;
        }
        let width = 1_usize << self.log_width;
        let rows = self.texels.chunks_exact(2 * width);
        let texels = rows
            .flat_map(|pair| {
                let (top, bottom) = pair.split_at(width);
                top.chunks_exact(2)
                    .zip(bottom.chunks_exact(2))
                    .map(|(a, b)| mean([a[0], a[1], b[0], b[1]]))
            })
            .collect();
        Some(Self { log_width: self.log_width - 1, log_height: self.log_height - 1, texels })
    }
}

/// Multiplies paint by light: both display-space, where the product of two powers is the power of
/// the product. 128 is neutral in `light`.
#[inline]
pub(super) fn shade(paint: Texel, light: Texel) -> Texel {
    let channel =
        |shift: u32| (((paint >> shift & 255) * (light >> shift & 255)) >> 7).min(255) << shift;
    channel(0) | channel(8) | channel(16)
}

/// Multiplies by a factor per channel, 128 neutral.
#[inline]
pub(super) fn tinted(texel: Texel, tint: [u32; 3]) -> Texel {
    let channel = |shift: u32, tint: u32| (((texel >> shift & 255) * tint) >> 7).min(255) << shift;
    channel(0, tint[0]) | channel(8, tint[1]) | channel(16, tint[2])
}

/// Between two: `share` of 256 parts of `b`.
#[inline]
pub(super) fn mix(a: Texel, b: Texel, share: u32) -> Texel {
    let red_blue = (a & RED_BLUE) * (256 - share) + (b & RED_BLUE) * share;
    let green = (a & GREEN) * (256 - share) + (b & GREEN) * share;
    (red_blue >> 8 & RED_BLUE) | (green >> 8 & GREEN)
}

/// Mean of four.
#[inline]
pub(super) fn mean(four: [Texel; 4]) -> Texel {
    let red_blue = four.iter().map(|texel| texel & RED_BLUE).sum::<Texel>() + 0x0002_0002;
    let green = four.iter().map(|texel| texel & GREEN).sum::<Texel>() + 0x0200;
    (red_blue >> 2 & RED_BLUE) | (green >> 2 & GREEN)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sampling_is_bilinear_and_wraps() {
        // If this failed, textures would swim, tear at their seams or be off by half a texel.
        let texture = Texture::paint(1, 1, |u, _| if u < 0.5 { [0.0; 3] } else { [1.0; 3] });
        assert_eq!(texture.sample(0, phase(0.25), phase(0.25)), 0);
        assert_eq!(texture.sample(0, phase(0.75), phase(0.25)), RED_BLUE | GREEN);
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
        assert_eq!(texture.levels.len(), 3);
        let mean = texture.sample(2, phase(0.5), 0) & 255;
        assert!((101..=103).contains(&mean), "{mean}");
        assert_eq!(texture.level(1.0 / 8.0), 0);
        assert_eq!(texture.level(0.26), 1);
        assert_eq!(texture.level(50.0), 2);
    }

    #[test]
    fn neutral_light_changes_nothing() {
        // If this failed, every picture would be tinted or dimmed.
        let paint = 0x0012_80ff;
        assert_eq!(shade(paint, 0x0080_8080), paint);
        assert_eq!(tinted(paint, [128; 3]), paint);
        assert_eq!(mean([paint; 4]), paint);
    }
}
