//! Pictures that are sampled: 8-bit, packed, side lengths powers of two, with smaller copies of
//! themselves for distance. They repeat: a place beyond their edge is one from the other side.

use super::span::{BLOCK, Coordinate, Line};

/// Packed 0x00BBGGRR. Small, because waiting for memory costs more than the arithmetic.
pub(super) type Texel = u32;

/// Red and blue, far enough apart to be weighed by one multiplication.
const RED_BLUE: Texel = 0x00ff_00ff;
const GREEN: Texel = 0xff00;

/// One size of a picture. A column and a row more than its size hold the first ones again, so that
/// the neighbours of every texel lie beside it.
#[derive(Clone, Debug)]
pub(super) struct Level {
    width: u32,
    height: u32,
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

/// A number of texels within ±16,000 in 256ths. The sum's last mantissa bit is worth 1/256: faster
/// than a conversion to an integer, which must care for every float there is. The offset is a
/// multiple of every picture's size.
#[inline]
fn fixed(texels: f32) -> u32 {
    const OFFSET: f32 = 49_152.0;
    (texels + OFFSET).to_bits()
}

impl Texture {
    /// Paints every texel by its column and row shares 0..1. At least two texels a side, at most
    /// 256.
    pub(super) fn paint(
        log_width: u32,
        log_height: u32,
        mut color: impl FnMut(f32, f32) -> [f32; 3],
    ) -> Self {
        let (width, height) = (1_u32 << log_width, 1_u32 << log_height);
        let texels: Vec<Texel> = (0..height)
            .flat_map(|y| (0..width).map(move |x| (x, y)))
            .map(|(x, y)| {
                pack(color((x as f32 + 0.5) / width as f32, (y as f32 + 0.5) / height as f32))
            })
            .collect();
        Self { levels: vec![Level::new(width, height, &texels)] }
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

    /// The copy whose texels are about as large as a pixel, for `footprint` pictures a pixel.
    #[inline]
    pub(super) fn level(&self, footprint: f32) -> &Level {
        let texels = footprint * self.levels[0].width as f32;
        // The exponent of a float is its logarithm, rounded down.
        let log = (texels.to_bits() >> 23).saturating_sub(127) as usize;
        &self.levels[log.min(self.levels.len() - 1)]
    }

    /// The largest copy.
    #[inline]
    pub(super) fn full(&self) -> &Level {
        &self.levels[0]
    }

    /// Paints `pixels`, the columns of a row from `begin` on, with what they see of a plane on
    /// which the picture lies: `near` is one over the plane's depth, `u` and `v` are shares of the
    /// picture, `footprint` is how many copies of it a pixel covers at depth 1. `blend` gets a
    /// pixel's old colour and the paint.
    #[inline]
    pub(super) fn spread(
        &self,
        near: Line,
        (u, v): (Coordinate, Coordinate),
        footprint: f32,
        begin: usize,
        pixels: &mut [Texel],
        blend: impl Fn(Texel, Texel) -> Texel,
    ) {
        let mut column = begin;
        for block in pixels.chunks_mut(BLOCK) {
            let level = self.level(footprint / near.at(column + block.len() / 2));
            let u = u.mapped(0.0, level.width as f32);
            let v = v.mapped(0.0, level.height as f32);
            let mut places = [(0, 0); BLOCK];
            for (idx, place) in places.iter_mut().enumerate() {
                let depth = 1.0 / near.at(column + idx);
                let (u, v) = (u.at(column + idx, depth), v.at(column + idx, depth));
                *place = (fixed(u - 0.5), fixed(v - 0.5));
            }
            for (pixel, (x, y)) in block.iter_mut().zip(places) {
                *pixel = blend(*pixel, level.read(x, y));
            }
            column += BLOCK;
        }
    }
}

impl Level {
    fn new(width: u32, height: u32, texels: &[Texel]) -> Self {
        let rows = texels.chunks_exact(width as usize);
        let texels = rows
            .clone()
            .chain(rows.take(1))
            .flat_map(|row| row.iter().chain(row.first()))
            .copied()
            .collect();
        Self { width, height, texels }
    }

    /// Texels a side.
    pub(super) fn size(&self) -> (u32, u32) {
        (self.width, self.height)
    }

    /// The colour at shares of the sides, bilinear; texel centres lie at half texels.
    #[inline]
    pub(super) fn sample(&self, u: f32, v: f32) -> Texel {
        self.read(fixed(u * self.width as f32 - 0.5), fixed(v * self.height as f32 - 0.5))
    }

    /// As [`Self::sample`]; texel centres lie at whole texels.
    #[inline]
    pub(super) fn sample_corner(&self, u: f32, v: f32) -> Texel {
        self.read(fixed(u * self.width as f32), fixed(v * self.height as f32))
    }

    /// Weighs the four texels around a place in 256ths of texels; the weights add up to 256.
    #[expect(clippy::inline_always, reason = "runs for every pixel; a call costs a quarter of it")]
    #[inline(always)]
    pub(super) fn read(&self, x: u32, y: u32) -> Texel {
        let stride = self.width + 1;
        let (column, row) = (x >> 8 & (self.width - 1), y >> 8 & (self.height - 1));
        let (share_x, share_y) = (x & 255, y & 255);
        let at = (row * stride + column) as usize;
        let both = (share_x * share_y) >> 8;
        let top = &self.texels[at..at + 2];
        let bottom = &self.texels[at + stride as usize..at + stride as usize + 2];
        let four = [
            (top[0], 256 + both - share_x - share_y),
            (top[1], share_x - both),
            (bottom[0], share_y - both),
            (bottom[1], both),
        ];
        let (mut red_blue, mut green) = (0, 0);
        for (texel, weight) in four {
            red_blue += (texel & RED_BLUE) * weight;
            green += (texel & GREEN) * weight;
        }
        (red_blue >> 8 & RED_BLUE) | (green >> 8 & GREEN)
    }

    fn halved(&self) -> Option<Self> {
        if self.width < 4 || self.height < 4 {
            return None;
        }
        let stride = self.width as usize + 1;
        let rows = self.texels[..stride * self.height as usize].chunks_exact(2 * stride);
        let texels: Vec<Texel> = rows
            .flat_map(|pair| {
                let (top, bottom) = pair.split_at(stride);
                top.chunks_exact(2)
                    .zip(bottom.chunks_exact(2))
                    .map(|(a, b)| mean([a[0], a[1], b[0], b[1]]))
            })
            .collect();
        Some(Self::new(self.width / 2, self.height / 2, &texels))
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
        let texture = texture.full();
        assert_eq!(texture.sample(0.25, 0.25), 0);
        assert_eq!(texture.sample(0.75, 0.25), RED_BLUE | GREEN);
        let between = texture.sample(0.5, 0.25);
        assert_eq!(between, texture.sample(1.0, 0.25));
        assert!((126..=129).contains(&(between & 255)), "{between:x}");
        assert_eq!(texture.sample(3.75, 0.0), texture.sample(-0.25, 0.0));
    }

    #[test]
    fn smaller_levels_are_means() {
        // If this failed, far floors would flicker or change colour.
        let texture =
            Texture::paint(3, 3, |u, _| if u < 0.5 { [0.2; 3] } else { [0.6; 3] }).with_smaller();
        assert_eq!(texture.levels.len(), 3);
        let mean = texture.levels[2].sample(0.5, 0.0) & 255;
        assert!((101..=103).contains(&mean), "{mean}");
        for (footprint, width) in [(1.0 / 8.0, 8), (0.26, 4), (50.0, 2)] {
            assert_eq!(texture.level(footprint).width, width);
        }
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
