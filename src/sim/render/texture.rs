//! Pictures that are sampled: 8-bit, packed, side lengths powers of two, with smaller copies of
//! themselves for distance. They repeat: a place beyond their edge is one from the other side.

use super::span::{BLOCK, Coordinate, Line};
use super::texel::{GREEN, RED_BLUE, Texel, mean, mix, pack, shade_all};

/// Columns from one reading of the light to the next.
const LIGHT_STEP: usize = 4;

/// One size of a picture. A column and a row more than its size hold the first ones again, so that
/// the neighbours of every texel lie beside it.
#[derive(Clone, Debug)]
pub(super) struct Level {
    width: u32,
    height: u32,
    texels: Vec<Texel>,
}

/// Places of a block of pixels on a level, in 256ths of texels.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Places {
    x: [u32; BLOCK],
    y: [u32; BLOCK],
}

impl Places {
    #[inline]
    pub(super) fn iter_mut(&mut self) -> impl Iterator<Item = (&mut u32, &mut u32)> {
        self.x.iter_mut().zip(&mut self.y)
    }
}

#[derive(Clone, Debug)]
pub(super) struct Texture {
    levels: Vec<Level>,
}

/// A number of texels within ±16,000 in 256ths. The sum's last mantissa bit is worth 1/256: faster
/// than a conversion to an integer, which must care for every float there is. The offset is a
/// multiple of every picture's size.
#[inline]
pub(super) fn fixed(texels: f32) -> u32 {
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
            let mut places = Places::default();
            for (idx, (x, y)) in places.iter_mut().enumerate() {
                let depth = 1.0 / near.at(column + idx);
                let (u, v) = (u.at(column + idx, depth), v.at(column + idx, depth));
                (*x, *y) = (fixed(u - 0.5), fixed(v - 0.5));
            }
            let paints = level.read_all(&places);
            for (pixel, paint) in block.iter_mut().zip(paints) {
                *pixel = blend(*pixel, paint);
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

    /// As [`Self::read`], for the places of a block of pixels: in steps that the compiler makes
    /// vector instructions of.
    pub(super) fn read_all(&self, places: &Places) -> [Texel; BLOCK] {
        let stride = self.width + 1;
        let (mask_x, mask_y) = (self.width - 1, self.height - 1);
        let mut ats = [0_u32; BLOCK];
        let mut weights = [[0_u16; BLOCK]; 4];
        for idx in 0..BLOCK {
            let (x, y) = (places.x[idx], places.y[idx]);
            ats[idx] = (y >> 8 & mask_y) * stride + (x >> 8 & mask_x);
            let (x, y) = ((x & 255) as u16, (y & 255) as u16);
            let both = (x * y) >> 8;
            weights[0][idx] = 256 + both - x - y;
            weights[1][idx] = x - both;
            weights[2][idx] = y - both;
            weights[3][idx] = both;
        }
        let mut corners = [[[0_u8; 4]; BLOCK]; 4];
        for (idx, at) in ats.into_iter().enumerate() {
            let top = &self.texels[at as usize..at as usize + 2];
            let bottom = &self.texels[(at + stride) as usize..(at + stride) as usize + 2];
            corners[0][idx] = top[0].to_le_bytes();
            corners[1][idx] = top[1].to_le_bytes();
            corners[2][idx] = bottom[0].to_le_bytes();
            corners[3][idx] = bottom[1].to_le_bytes();
        }
        let mut wide = [[[0_u16; 4]; BLOCK]; 4];
        for (wide, weights) in wide.iter_mut().zip(&weights) {
            for (wide, weight) in wide.iter_mut().zip(weights) {
                *wide = [*weight; 4];
            }
        }
        let corners = corners.each_ref().map(|corner| corner.as_flattened());
        let weights = wide.each_ref().map(|weight| weight.as_flattened());
        let mut mixed = [[0_u8; 4]; BLOCK];
        for (idx, mixed) in mixed.as_flattened_mut().iter_mut().enumerate() {
            let part = |corner: usize| u16::from(corners[corner][idx]) * weights[corner][idx];
            *mixed = ((part(0) + part(1) + part(2) + part(3)) >> 8) as u8;
        }
        let mut out = [0; BLOCK];
        for (out, mixed) in out.iter_mut().zip(mixed) {
            *out = Texel::from_le_bytes(mixed);
        }
        out
    }

    /// Shades `pixels`, the columns of a row from `begin` on, with light that changes little from
    /// pixel to pixel: it is read at the places `at` of every fourth column, and mixed in between.
    #[inline]
    pub(super) fn lighten(
        &self,
        begin: usize,
        pixels: &mut [Texel],
        at: impl Fn(usize) -> (u32, u32),
    ) {
        let last = begin + pixels.len();
        let read = |column: usize| {
            let (x, y) = at(column.min(last));
            self.read(x, y)
        };
        let mut column = begin;
        let mut light = read(column);
        for block in pixels.chunks_mut(BLOCK) {
            let mut lights = [0; BLOCK];
            for part in lights.chunks_exact_mut(LIGHT_STEP) {
                column += LIGHT_STEP;
                let next = read(column);
                for (out, share) in part.iter_mut().zip([0, 64, 128, 192]) {
                    *out = mix(light, next, share);
                }
                light = next;
            }
            shade_all(block, &lights);
        }
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
}
