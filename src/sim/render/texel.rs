//! Colours of 8 bits a channel, packed into one word, and the arithmetic on them.

use super::span::BLOCK;

/// Packed 0x00BBGGRR. Small, because waiting for memory costs more than the arithmetic.
pub(super) type Texel = u32;

/// Red and blue, far enough apart to be weighed by one multiplication.
pub(super) const RED_BLUE: Texel = 0x00ff_00ff;
pub(super) const GREEN: Texel = 0xff00;

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

/// Multiplies paint by light: both display-space, where the product of two powers is the power of
/// the product. 128 is neutral in `light`.
#[inline]
pub(super) fn shade(paint: Texel, light: Texel) -> Texel {
    let channel =
        |shift: u32| (((paint >> shift & 255) * (light >> shift & 255)) >> 7).min(255) << shift;
    channel(0) | channel(8) | channel(16)
}

/// As [`shade`], pixel by pixel.
#[inline]
pub(super) fn shade_all(paint: &mut [Texel], light: &[Texel; BLOCK]) {
    let mut bytes = [[0_u8; 4]; BLOCK];
    for (bytes, paint) in bytes.iter_mut().zip(&*paint) {
        *bytes = paint.to_le_bytes();
    }
    let light = light.map(Texel::to_le_bytes);
    for (paint, light) in bytes.as_flattened_mut().iter_mut().zip(light.as_flattened()) {
        *paint = ((u16::from(*paint) * u16::from(*light)) >> 7).min(255) as u8;
    }
    for (bytes, paint) in bytes.iter().zip(paint) {
        *paint = Texel::from_le_bytes(*bytes);
    }
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
    fn neutral_light_changes_nothing() {
        // If this failed, every picture would be tinted or dimmed.
        let paint = 0x0012_80ff;
        assert_eq!(shade(paint, 0x0080_8080), paint);
        assert_eq!(tinted(paint, [128; 3]), paint);
        assert_eq!(mean([paint; 4]), paint);
    }
}
