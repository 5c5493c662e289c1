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

/// Decodes `raw` into `frame.rgb` and sets its size; allocates nothing once `frame` has had this size (the JPEG
/// decoder has working memory of its own). Luma and chroma are ITU-R BT.601, limited range (what V4L2 says where a
/// driver says nothing); JPEG is full range, as JFIF says.
///
/// # Errors
/// Why the bytes are no picture of this layout; `frame.rgb` then holds anything of the right length.
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

// BT.601 limited range in 16.16 fixed point: 255/219, and 255/224 times 1.402, 0.344136, 0.714136 and 1.772.
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
