use zune_jpeg::JpegDecoder;
use zune_jpeg::zune_core::bytestream::ZCursor;
use zune_jpeg::zune_core::colorspace::ColorSpace;
use zune_jpeg::zune_core::options::DecoderOptions;

use super::PixelFormat;
use crate::msg::Frame;

/// How the bytes of one picture lie in a device's buffer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Layout {
    pub format: PixelFormat,
    pub width: u32,
    pub height: u32,
    /// Bytes from one row to the next; zero where rows are packed. Without meaning for MJPEG.
    pub stride: usize,
}

/// Decodes `raw` into `frame.rgb` and sets its size; allocates nothing once `frame` has had this
/// size (the JPEG decoder has working memory of its own). Luma and chroma are ITU-R BT.601, limited
/// range (what V4L2 says where a driver says nothing); JPEG is full range, as JFIF says.
///
/// # Errors
/// Why the bytes are no picture of this layout; `frame.rgb` then holds anything of the right
/// length.
pub fn decode(layout: &Layout, raw: &[u8], frame: &mut Frame) -> Result<(), String> {
    frame.resize(layout.width, layout.height);
    let (width, height) = (layout.width as usize, layout.height as usize);
    if width == 0 || height == 0 {
        return Err("it has no pixels".to_owned());
    }
    let packed = |bytes_per_row: usize| match layout.stride {
        0 => bytes_per_row,
        stride => stride.max(bytes_per_row),
    };
    match layout.format {
        PixelFormat::Mjpeg => mjpeg(raw, layout, &mut frame.rgb),
        PixelFormat::Yuyv => {
            even(layout.width)?;
            let rows = rows(raw, packed(width * 2), width * 2, height)?;
            for (row, out) in rows.zip(frame.rgb.chunks_exact_mut(width * 3)) {
                yuyv_row(row, out);
            }
            Ok(())
        }
        PixelFormat::Nv12 => {
            even(layout.width)?;
            let stride = packed(width);
            let luma = rows(raw, stride, width, height)?;
            let rest = raw.get(stride * height..).unwrap_or_default();
            let chroma = rows(rest, stride, width, height.div_ceil(2))?;
            let pairs = chroma.flat_map(|row| [row, row]);
            let both = luma.zip(pairs);
            for ((luma, chroma), out) in both.zip(frame.rgb.chunks_exact_mut(width * 3)) {
                nv12_row(luma, chroma, out);
            }
            Ok(())
        }
        PixelFormat::Rgb => {
            let rows = rows(raw, packed(width * 3), width * 3, height)?;
            for (row, out) in rows.zip(frame.rgb.chunks_exact_mut(width * 3)) {
                out.copy_from_slice(row);
            }
            Ok(())
        }
        PixelFormat::Bgr => {
            let rows = rows(raw, packed(width * 3), width * 3, height)?;
            for (row, out) in rows.zip(frame.rgb.chunks_exact_mut(width * 3)) {
                bgr_row(row, out);
            }
            Ok(())
        }
    }
}

fn even(width: u32) -> Result<(), String> {
    if width.is_multiple_of(2) { Ok(()) } else { Err(format!("odd width {width}")) }
}

/// `height` rows of `length` bytes, `stride` apart; the last may lack its padding.
fn rows(
    raw: &[u8],
    stride: usize,
    length: usize,
    height: usize,
) -> Result<impl Iterator<Item = &[u8]>, String> {
    let needed = stride * (height - 1) + length;
    if raw.len() < needed {
        return Err(format!("{} bytes where {needed} are needed", raw.len()));
    }
    Ok(raw.chunks(stride).take(height).filter_map(move |row| row.get(..length)))
}

// BT.601 limited range in 16.16 fixed point: 255/219, and 255/224 times 1.402, 0.344136, 0.714136
// and 1.772.
const LUMA: i32 = 76_309;
const RED_V: i32 = 104_597;
const GREEN_U: i32 = 25_675;
const GREEN_V: i32 = 53_279;
const BLUE_U: i32 = 132_201;

/// What a pair of chroma samples adds to red, green and blue, rounding included.
#[inline]
fn chroma(u: u8, v: u8) -> [i32; 3] {
    let (u, v) = (i32::from(u) - 128, i32::from(v) - 128);
    let half = 1 << 15;
    [RED_V * v + half, half - GREEN_U * u - GREEN_V * v, BLUE_U * u + half]
}

#[inline]
fn pixel(y: u8, chroma: [i32; 3]) -> [u8; 3] {
    let y = LUMA * (i32::from(y) - 16);
    chroma.map(|part| ((y + part) >> 16).clamp(0, 255) as u8)
}

fn yuyv_row(row: &[u8], out: &mut [u8]) {
    let (quads, _) = row.as_chunks::<4>();
    let (pairs, _) = out.as_chunks_mut::<6>();
    for (&[y0, u, y1, v], pair) in quads.iter().zip(pairs) {
        let chroma = chroma(u, v);
        let ([r0, g0, b0], [r1, g1, b1]) = (pixel(y0, chroma), pixel(y1, chroma));
        *pair = [r0, g0, b0, r1, g1, b1];
    }
}

fn nv12_row(luma: &[u8], chroma_row: &[u8], out: &mut [u8]) {
    let (lumas, _) = luma.as_chunks::<2>();
    let (chromas, _) = chroma_row.as_chunks::<2>();
    let (pairs, _) = out.as_chunks_mut::<6>();
    for ((&[y0, y1], &[u, v]), pair) in lumas.iter().zip(chromas).zip(pairs) {
        let chroma = chroma(u, v);
        let ([r0, g0, b0], [r1, g1, b1]) = (pixel(y0, chroma), pixel(y1, chroma));
        *pair = [r0, g0, b0, r1, g1, b1];
    }
}

fn bgr_row(row: &[u8], out: &mut [u8]) {
    for (&[b, g, r], pixel) in row.as_chunks::<3>().0.iter().zip(out.as_chunks_mut::<3>().0) {
        *pixel = [r, g, b];
    }
}

fn mjpeg(raw: &[u8], layout: &Layout, out: &mut [u8]) -> Result<(), String> {
    let whole;
    let raw = if has_code_tables(raw) {
        raw
    } else {
        whole = with_usual_tables(raw);
        &whole
    };
    let mut decoder = jpeg(raw);
    decoder.decode_headers().map_err(|why| why.to_string())?;
    let (width, height) = decoder.dimensions().ok_or("no header")?;
    if (width, height) != (layout.width as usize, layout.height as usize) {
        return Err(format!(
            "a picture of {width}x{height} where {}x{} was agreed",
            layout.width, layout.height
        ));
    }
    decoder.decode_into(out).map_err(|why| why.to_string())
}

/// A decoder that puts out RGB and takes no picture that is cut short for a whole one.
pub(super) fn jpeg(raw: &[u8]) -> JpegDecoder<ZCursor<&[u8]>> {
    let options =
        DecoderOptions::default().jpeg_set_out_colorspace(ColorSpace::RGB).set_strict_mode(true);
    JpegDecoder::new_with_options(ZCursor::new(raw), options)
}

/// Whether a Huffman table stands before the picture's data; true for what is no JPEG.
fn has_code_tables(raw: &[u8]) -> bool {
    const TABLES: u8 = 0xc4;
    const SCAN: u8 = 0xda;
    let mut rest = raw.get(2..).unwrap_or_default();
    while let [0xff, marker, high, low, ..] = *rest {
        match marker {
            TABLES => return true,
            SCAN => return false,
            _ => {
                let length = usize::from(u16::from_be_bytes([high, low]));
                rest = rest.get(2 + length..).unwrap_or_default();
            }
        }
    }
    true
}

/// Webcams may leave out the tables that the JPEG standard gives as examples (annex K.3), as AVI
/// files do. The decoder fills them in for a picture that says it comes from an AVI file.
fn with_usual_tables(raw: &[u8]) -> Vec<u8> {
    const AVI: &[u8] = b"\xff\xe0\x00\x07AVI1\0";
    let (start, rest) = raw.split_at_checked(2).unwrap_or((raw, &[]));
    [start, AVI, rest].concat()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn layout(format: PixelFormat, width: u32, height: u32, stride: usize) -> Layout {
        Layout { format, width, height, stride }
    }

    /// ITU-R BT.601 from its definition, in floating point: luma weights 0.299, 0.587, 0.114;
    /// 16..=235 and 16..=240.
    fn reference(y: u8, u: u8, v: u8) -> [f64; 3] {
        let y = (f64::from(y) - 16.0) / 219.0;
        let (cb, cr) = ((f64::from(u) - 128.0) / 224.0, (f64::from(v) - 128.0) / 224.0);
        let (red, blue) = (y + 2.0 * (1.0 - 0.299) * cr, y + 2.0 * (1.0 - 0.114) * cb);
        let green = (y - 0.299 * red - 0.114 * blue) / 0.587;
        [red, green, blue].map(|channel| (channel * 255.0).clamp(0.0, 255.0))
    }

    fn assert_close(seen: &[u8], want: [f64; 3]) {
        for (&seen, want) in seen.iter().zip(want) {
            assert!((f64::from(seen) - want).abs() <= 0.51, "{seen} for {want}");
        }
    }

    proptest! {
        #[test]
        fn yuyv_is_bt601(raw in proptest::collection::vec(any::<u8>(), 4 * 20..4 * 21)) {
            // Broken: colours would be wrong, and a policy trained elsewhere would not recognise
            // its target.
            let mut frame = Frame::default();
            let (width, height, stride) = (6, 4, 20);
            decode(&layout(PixelFormat::Yuyv, width, height, stride), &raw, &mut frame).unwrap();
            for y in 0..height as usize {
                for x in 0..width as usize {
                    let pair = y * stride + x / 2 * 4;
                    let want = reference(raw[pair + x % 2 * 2], raw[pair + 1], raw[pair + 3]);
                    assert_close(&frame.rgb[(y * 6 + x) * 3..], want);
                }
            }
        }

        #[test]
        fn nv12_is_bt601(raw in proptest::collection::vec(any::<u8>(), 7 * 10..7 * 11)) {
            // Broken: as above, for cameras that send NV12; the odd height is what sensors with 4:3
            // crops send.
            let mut frame = Frame::default();
            let (width, height, stride) = (8, 5, 8);
            decode(&layout(PixelFormat::Nv12, width, height, 0), &raw, &mut frame).unwrap();
            for y in 0..height as usize {
                for x in 0..width as usize {
                    let pair = stride * height as usize + y / 2 * stride + x / 2 * 2;
                    let want = reference(raw[y * stride + x], raw[pair], raw[pair + 1]);
                    assert_close(&frame.rgb[(y * 8 + x) * 3..], want);
                }
            }
        }

        #[test]
        fn damaged_jpegs_are_errors_or_pictures(
            cut in any::<prop::sample::Index>(),
            flips in proptest::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 0..40),
        ) {
            // Broken: one torn picture from a webcam would end the camera thread.
            let mut raw = encoded(32, 16);
            for (place, value) in flips {
                let place = place.index(raw.len());
                raw[place] = value;
            }
            raw.truncate(cut.index(raw.len()) + 1);
            let mut frame = Frame::default();
            let _ = decode(&layout(PixelFormat::Mjpeg, 32, 16, 0), &raw, &mut frame);
            prop_assert_eq!(frame.rgb.len(), 32 * 16 * 3);
        }

        #[test]
        fn garbage_is_an_error_or_a_picture(raw in proptest::collection::vec(any::<u8>(), 0..600)) {
            // Broken: as above, in any format.
            for format in PixelFormat::ALL {
                let mut frame = Frame::default();
                let _ = decode(&layout(format, 16, 8, 0), &raw, &mut frame);
                prop_assert_eq!(frame.rgb.len(), 16 * 8 * 3);
            }
        }
    }

    /// A smooth picture: what JPEG keeps.
    fn smooth(width: u32, height: u32) -> Vec<u8> {
        let pixels = (0..height).flat_map(|y| (0..width).map(move |x| (x, y)));
        pixels.flat_map(|(x, y)| [40 + x * 4, 60 + y * 6, 200 - x * 3].map(|v| v as u8)).collect()
    }

    fn encoded(width: u32, height: u32) -> Vec<u8> {
        let mut raw = Vec::new();
        let encoder = image::codecs::jpeg::JpegEncoder::new_with_quality(&mut raw, 95);
        let picture = smooth(width, height);
        image::ImageEncoder::write_image(
            encoder,
            &picture,
            width,
            height,
            image::ExtendedColorType::Rgb8,
        )
        .unwrap();
        raw
    }

    fn without_tables(raw: &[u8]) -> Vec<u8> {
        let mut out = raw[..2].to_vec();
        let mut at = 2;
        while raw[at + 1] != 0xda {
            let length = 2 + usize::from(u16::from_be_bytes([raw[at + 2], raw[at + 3]]));
            if raw[at + 1] != 0xc4 {
                out.extend_from_slice(&raw[at..at + length]);
            }
            at += length;
        }
        out.extend_from_slice(&raw[at..]);
        out
    }

    #[test]
    fn a_jpeg_is_decoded_with_or_without_its_tables_and_behind_it_anything_may_follow() {
        // Broken: webcams that leave the standard's tables out, or send their whole buffer, would
        // show nothing.
        let raw = encoded(32, 16);
        let bare = without_tables(&raw);
        assert!(bare.len() + 400 < raw.len());
        let padded = [raw.as_slice(), &[0xab; 3000]].concat();
        for raw in [raw, bare, padded] {
            let mut frame = Frame::default();
            decode(&layout(PixelFormat::Mjpeg, 32, 16, 0), &raw, &mut frame).unwrap();
            for (&seen, want) in frame.rgb.iter().zip(smooth(32, 16)) {
                assert!(seen.abs_diff(want) <= 8, "{seen} for {want}");
            }
        }
    }

    #[test]
    fn half_a_jpeg_and_another_size_are_errors() {
        // Broken: a picture whose lower half is grey would be driven by.
        let raw = encoded(64, 64);
        let mut frame = Frame::default();
        let wanted = layout(PixelFormat::Mjpeg, 64, 64, 0);
        let half = &raw[..raw.len() / 2];
        assert!(decode(&wanted, half, &mut frame).is_err());
        let other = layout(PixelFormat::Mjpeg, 64, 32, 0);
        assert!(decode(&other, &raw, &mut frame).unwrap_err().contains("64x64"));
    }

    #[test]
    fn rgb_and_bgr_keep_every_byte_in_its_channel() {
        // Broken: red and blue would change places.
        let raw: Vec<u8> = (0..2 * 8).collect();
        let mut frame = Frame::default();
        decode(&layout(PixelFormat::Rgb, 2, 2, 8), &raw, &mut frame).unwrap();
        assert_eq!(frame.rgb, [0, 1, 2, 3, 4, 5, 8, 9, 10, 11, 12, 13]);
        decode(&layout(PixelFormat::Bgr, 2, 2, 8), &raw, &mut frame).unwrap();
        assert_eq!(frame.rgb, [2, 1, 0, 5, 4, 3, 10, 9, 8, 13, 12, 11]);
    }

    #[test]
    fn too_few_bytes_are_an_error_and_memory_is_kept() {
        // Broken: a short buffer would panic; or each picture would cost an allocation.
        let mut frame = Frame::default();
        let wanted = layout(PixelFormat::Yuyv, 16, 8, 0);
        decode(&wanted, &[128; 16 * 8 * 2], &mut frame).unwrap();
        let memory = frame.rgb.as_ptr();
        decode(&wanted, &[90; 16 * 8 * 2], &mut frame).unwrap();
        assert_eq!(frame.rgb.as_ptr(), memory);
        let short = decode(&wanted, &[128; 16 * 8 * 2 - 1], &mut frame);
        assert_eq!(short, Err("255 bytes where 256 are needed".to_owned()));
        assert!(decode(&layout(PixelFormat::Yuyv, 0, 8, 0), &[], &mut frame).is_err());
        assert!(decode(&layout(PixelFormat::Nv12, 15, 8, 0), &[0; 999], &mut frame).is_err());
    }
}
