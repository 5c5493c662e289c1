use std::cmp::Ordering;
use std::fs;
use std::path::{Path, PathBuf};
use std::time::Duration;

use super::decode::jpeg;
use super::{Camera, CameraError, CameraInfo, Grabbed};
use crate::msg::Frame;

/// The PNG and JPEG pictures of a folder, in natural order (`2.png` before `10.png`), at a steady
/// rate.
#[derive(Debug)]
pub struct Folder {
    info: CameraInfo,
    pictures: Vec<PathBuf>,
    repeat: bool,
    /// Pictures grabbed so far.
    grabbed: u64,
    /// The file last grabbed.
    bytes: Vec<u8>,
    current: PathBuf,
}

impl Folder {
    /// `rate` in frames per second; zero becomes one. `repeat` begins again at the end.
    ///
    /// # Errors
    /// The folder cannot be read, holds no picture, or its first picture is damaged.
    pub fn open(folder: &Path, rate: u32, repeat: bool) -> Result<Self, CameraError> {
        let camera = folder.display().to_string();
        let fail = |reason: String| CameraError::Open {
            camera: camera.clone(),
            reason,
            remedy: "name a folder that holds .png or .jpg files".to_owned(),
        };
        let mut pictures: Vec<PathBuf> = fs::read_dir(folder)
            .and_then(|entries| entries.map(|entry| Ok(entry?.path())).collect())
            .map_err(|why: std::io::Error| fail(why.to_string()))?;
        pictures.retain(|path| path.is_file() && is_picture(path));
        pictures.sort_by(|a, b| natural(&a.to_string_lossy(), &b.to_string_lossy()));
        let first = pictures.first().ok_or_else(|| fail("there is no picture in it".to_owned()))?;
        let mut frame = Frame::default();
        let bytes = fs::read(first).map_err(|why| fail(why.to_string()))?;
        picture(&bytes, &mut frame)
            .map_err(|why| fail(format!("{} is damaged: {why}", first.display())))?;
        let info = CameraInfo {
            name: format!("{} pictures", pictures.len()),
            path: camera.clone(),
            width: frame.width,
            height: frame.height,
            rate: f64::from(rate.max(1)),
            format: if bytes.starts_with(JPEG) { "JPEG" } else { "PNG" }.to_owned(),
        };
        Ok(Self { info, pictures, repeat, grabbed: 0, bytes: Vec::new(), current: PathBuf::new() })
    }
}

impl Camera for Folder {
    fn info(&self) -> &CameraInfo {
        &self.info
    }

    fn grab(&mut self) -> Result<Grabbed, CameraError> {
        let number = self.grabbed;
        let count = self.pictures.len() as u64;
        let path = self.pictures.get((number % count) as usize);
        let Some(path) = path.filter(|_| self.repeat || number < count) else {
            return Err(CameraError::End { camera: self.info.path.clone() });
        };
        self.bytes = fs::read(path).map_err(|why| CameraError::Gone {
            camera: path.display().to_string(),
            reason: why.to_string(),
        })?;
        self.current.clone_from(path);
        self.grabbed += 1;
        let due = Duration::from_secs_f64(number as f64 / self.info.rate);
        Ok(Grabbed { device_seq: Some(number), due: Some(due) })
    }

    fn retrieve(&mut self, frame: &mut Frame) -> Result<(), CameraError> {
        picture(&self.bytes, frame).map_err(|reason| CameraError::Decode {
            camera: self.current.display().to_string(),
            reason,
        })
    }
}

fn is_picture(path: &Path) -> bool {
    let extension = path.extension().and_then(|extension| extension.to_str());
    extension.is_some_and(|extension| {
        ["png", "jpg", "jpeg"].iter().any(|known| extension.eq_ignore_ascii_case(known))
    })
}

const JPEG: &[u8] = &[0xff, 0xd8];

/// Decodes a JPEG straight into the frame, a PNG through a picture of its own.
fn picture(bytes: &[u8], frame: &mut Frame) -> Result<(), String> {
    if bytes.starts_with(JPEG) {
        let mut decoder = jpeg(bytes);
        decoder.decode_headers().map_err(|why| why.to_string())?;
        let (width, height) = decoder.dimensions().ok_or("no header")?;
        frame.resize(width as u32, height as u32);
        return decoder.decode_into(&mut frame.rgb).map_err(|why| why.to_string());
    }
    let image = image::load_from_memory_with_format(bytes, image::ImageFormat::Png)
        .map_err(|why| why.to_string())?
        .into_rgb8();
    frame.resize(image.width(), image.height());
    frame.rgb.copy_from_slice(image.as_raw());
    Ok(())
}

/// Compares as people count: runs of digits by their value, everything else letter by letter.
fn natural(a: &str, b: &str) -> Ordering {
    let (mut a, mut b) = (a, b);
    loop {
        let (na, nb) = (leading_digits(a), leading_digits(b));
        let order = if na > 0 && nb > 0 {
            let (x, rest_a) = a.split_at(na);
            let (y, rest_b) = b.split_at(nb);
            (a, b) = (rest_a, rest_b);
            let (x, y) = (x.trim_start_matches('0'), y.trim_start_matches('0'));
            x.len().cmp(&y.len()).then_with(|| x.cmp(y))
        } else {
            let (mut left, mut right) = (a.chars(), b.chars());
            let order = left.next().cmp(&right.next());
            if order.is_eq() && a.is_empty() {
                return Ordering::Equal;
            }
            (a, b) = (left.as_str(), right.as_str());
            order
        };
        if order.is_ne() {
            return order;
        }
    }
}

fn leading_digits(text: &str) -> usize {
    text.bytes().take_while(u8::is_ascii_digit).count()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pictures_come_in_the_order_people_count() {
        // Broken: picture 10 would be shown before picture 2.
        let mut names = ["b", "a10", "a2", "a02b", "a1", "a", "10", "9"];
        names.sort_by(|a, b| natural(a, b));
        assert_eq!(names, ["9", "10", "a", "a1", "a2", "a02b", "a10", "b"]);
    }
}
