use std::fmt;

use super::Wanted;
use crate::camera::{Config, PixelFormat};

/// One size in one format, and the rates at which the camera offers it.
#[derive(Clone, Debug, PartialEq)]
pub struct VideoMode {
    pub format: PixelFormat,
    pub width: u32,
    pub height: u32,
    /// Frames per second, highest first; empty where the device does not tell.
    pub rates: Vec<f64>,
}

impl fmt::Display for VideoMode {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {}x{}", self.format, self.width, self.height)?;
        for (place, rate) in self.rates.iter().enumerate() {
            let rounded = (rate * 100.0).round() / 100.0;
            write!(f, "{}{rounded}", if place == 0 { " @ " } else { ", " })?;
        }
        Ok(())
    }
}

/// The mode nearest to what `config` asks for:
/// 1. its format where one is named, any other only where none is;
/// 2. the size with the fewest pixels of difference in width and height;
/// 3. the smallest lack of frames per second, then the smallest excess;
/// 4. the order of [`PixelFormat::ALL`].
pub(super) fn choose(modes: &[VideoMode], config: &Config) -> Result<Wanted, String> {
    let wanted_rate = f64::from(config.rate.max(1));
    let best = modes
        .iter()
        .filter(|mode| config.format.is_none_or(|format| mode.format == format))
        .flat_map(|mode| {
            let untold = mode.rates.is_empty().then_some(wanted_rate);
            mode.rates.iter().copied().chain(untold).map(move |rate| (mode, rate))
        })
        .min_by(|(a, rate_a), (b, rate_b)| {
            let cost = |mode: &VideoMode, rate: f64| {
                let size = mode.width.abs_diff(config.width) + mode.height.abs_diff(config.height);
                let lack = (wanted_rate - rate).max(0.0);
                let excess = (rate - wanted_rate).max(0.0);
                let order = PixelFormat::ALL.iter().position(|&format| format == mode.format);
                [f64::from(size), lack, excess, order.unwrap_or_default() as f64]
            };
            let (a, b) = (cost(a, *rate_a), cost(b, *rate_b));
            a.partial_cmp(&b).unwrap_or(std::cmp::Ordering::Equal)
        });
    let Some((mode, rate)) = best else {
        return Err(match config.format {
            Some(format) if !modes.is_empty() => format!("it does not offer {format}"),
            _ => "it offers no picture format this program knows".to_owned(),
        });
    };
    Ok(Wanted {
        format: mode.format,
        width: mode.width,
        height: mode.height,
        rate: rate.round().max(1.0) as u32,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn mode(format: PixelFormat, width: u32, height: u32, rates: &[f64]) -> VideoMode {
        VideoMode { format, width, height, rates: rates.to_vec() }
    }

    #[test]
    fn the_nearest_mode_is_taken() {
        // Broken: a camera would open slower, smaller or in another format than it could.
        use PixelFormat::{Mjpeg, Nv12, Yuyv};
        let webcam = [
            mode(Mjpeg, 1920, 1080, &[30.0]),
            mode(Mjpeg, 640, 480, &[60.0, 30.0]),
            mode(Yuyv, 1920, 1080, &[5.0]),
            mode(Yuyv, 640, 480, &[30.0, 15.0]),
            mode(Nv12, 640, 360, &[]),
        ];
        let config = |width, height, rate, format| Config {
            width,
            height,
            rate,
            format,
            ..Config::default()
        };
        let cases = [
            (config(640, 480, 30, None), (Yuyv, 640, 480, 30)),
            (config(640, 480, 60, None), (Mjpeg, 640, 480, 60)),
            (config(640, 480, 25, None), (Yuyv, 640, 480, 30)),
            (config(640, 480, 10, None), (Yuyv, 640, 480, 15)),
            (config(1920, 1080, 30, None), (Mjpeg, 1920, 1080, 30)),
            (config(1920, 1080, 30, Some(Yuyv)), (Yuyv, 1920, 1080, 5)),
            (config(600, 350, 20, None), (Nv12, 640, 360, 20)),
        ];
        for (config, (format, width, height, rate)) in cases {
            let want = Wanted { format, width, height, rate };
            assert_eq!(choose(&webcam, &config), Ok(want), "{config:?}");
        }
        let missing = choose(&webcam, &config(640, 480, 30, Some(PixelFormat::Bgr)));
        assert!(missing.unwrap_err().contains("BGR"));
        assert!(choose(&[], &Config::default()).is_err());
    }
}
