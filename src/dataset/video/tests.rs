use std::fs;
use std::path::{Path, PathBuf};

use proptest::prelude::*;
use tempfile::TempDir;

use super::*;

mod files;

/// Texture, gradients, noise and something that moves, about as a camera sees a room.
fn picture(width: u32, height: u32, number: u32) -> Vec<u8> {
    let drift = number as f32 * 1.5;
    let mut noise = number;
    let mut rgb = Vec::new();
    for y in 0..height {
        for x in 0..width {
            let (x, y) = (x as f32, y as f32);
            let wave = |period: f32| ((x + drift) / period).sin() * ((y - drift) / period).cos();
            noise = noise.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
            let light = 110.0 + 60.0 * wave(31.0) + 8.0 * wave(12.0) + (noise >> 30) as f32;
            let warm = 20.0 * y / height as f32;
            let ball = (13.0 - (x - 20.0 - drift).hypot(y - 30.0)).clamp(0.0, 1.0);
            let [r, g, b] = [90.0, -30.0, -40.0].map(|tint| light + ball * tint);
            rgb.extend([r + warm, g, b - warm].map(|value| value.clamp(0.0, 255.0) as u8));
        }
    }
    rgb
}

/// Sixteen black or white squares, a bit each.
fn numbered(number: u32) -> Vec<u8> {
    let mut rgb = vec![0; 64 * 64 * 3];
    for (i, pixel) in rgb.chunks_exact_mut(3).enumerate() {
        let bit = i / 64 / 16 * 4 + i % 64 / 16;
        pixel.fill(if number >> bit & 1 == 1 { 220 } else { 30 });
    }
    rgb
}

fn read_number(rgb: &[u8]) -> u32 {
    let is_set = |bit: usize| rgb[((bit / 4 * 16 + 8) * 64 + bit % 4 * 16 + 8) * 3] > 125;
    (0..16).filter(|&bit| is_set(bit)).map(|bit| 1 << bit).sum()
}

fn psnr(a: &[u8], b: &[u8]) -> f64 {
    let squares: f64 = a.iter().zip(b).map(|(&a, &b)| f64::from(a.abs_diff(b)).powi(2)).sum();
    10.0 * (255.0 * 255.0 * a.len() as f64 / squares).log10()
}

/// A fragmented file of `n` numbered frames in groups of five, one fragment each.
fn numbered_file(folder: &Path, n: u32) -> PathBuf {
    let path = folder.join("numbered.mp4");
    let mut encoder = Encoder::new(64, 64, 30, 5, 26).unwrap();
    let mut writer = FragmentWriter::create(&path, 30, encoder.parameters()).unwrap();
    let mut units = Vec::new();
    for number in 0..n {
        let unit = encoder.encode(&numbered(number * 257), false).unwrap();
        if unit.is_key {
            writer.append(&std::mem::take(&mut units)).unwrap();
        }
        units.push(unit);
    }
    writer.append(&units).unwrap();
    path
}

fn number_of(video: &mut VideoFile, idx: usize) -> u32 {
    let mut rgb = Vec::new();
    video.decode(idx, &mut rgb).unwrap();
    read_number(&rgb)
}

#[test]
fn a_picture_survives_the_way_through_the_codec() {
    // Broken: policies would train on pictures that are not what the camera saw.
    let folder = TempDir::new().unwrap();
    let path = folder.path().join("picture.mp4");
    for (qp, least) in [(26, 37.0), (18, 40.0)] {
        let mut encoder = Encoder::new(160, 120, 30, 5, qp).unwrap();
        let encode = |i| encoder.encode(&picture(160, 120, i), false).unwrap();
        let units: Vec<_> = (0..12).map(encode).collect();
        let mut writer = FragmentWriter::create(&path, 30, encoder.parameters()).unwrap();
        writer.append(&units).unwrap();
        let mut video = VideoFile::open(&path).unwrap();
        assert_eq!((video.n_frames(), video.size(), video.fps()), (12, (160, 120), 30.0));
        assert_eq!(video.parameters(), Some(encoder.parameters()));
        let mut rgb = Vec::new();
        for i in 0..12 {
            video.decode(i as usize, &mut rgb).unwrap();
            let original = picture(160, 120, i);
            let quality = psnr(&rgb, &original);
            assert!(quality > least, "frame {i}, quantizer {qp}: {quality} dB");
            let sum = |rgb: &[u8]| rgb.iter().map(|&value| i64::from(value)).sum::<i64>();
            let bias = (sum(&rgb) - sum(&original)) as f64 / rgb.len() as f64;
            assert!(bias.abs() < 0.8, "frame {i}: {bias}");
        }
    }
}

#[test]
fn every_frame_comes_back_in_its_place() {
    // Broken: a row of the dataset would show another moment's picture.
    let folder = TempDir::new().unwrap();
    let mut video = VideoFile::open(&numbered_file(folder.path(), 43)).unwrap();
    let n = video.n_frames();
    assert_eq!(n, 43);
    let scattered = (0..3 * n).map(|i| i * 29 % n);
    for idx in (0..n).chain((0..n).rev()).chain(scattered) {
        assert_eq!(number_of(&mut video, idx), idx as u32 * 257);
        assert_eq!(video.is_key(idx), idx % 5 == 0);
        assert_eq!(video.frame_at(video.time_of(idx) + 0.01), Some(idx));
    }
}

#[test]
fn a_torn_file_gives_the_frames_that_are_whole() {
    // Broken: a crash would cost the whole episode, or the station would fall over it.
    let folder = TempDir::new().unwrap();
    let whole = fs::read(numbered_file(folder.path(), 12)).unwrap();
    let path = folder.path().join("torn.mp4");
    let mut n_before = 0;
    for length in 0..=whole.len() {
        fs::write(&path, &whole[..length]).unwrap();
        let Ok(mut video) = VideoFile::open(&path) else {
            assert_eq!(n_before, 0, "{length} bytes");
            continue;
        };
        let n_frames = video.n_frames();
        assert!(n_frames >= n_before, "{length} bytes");
        if n_frames > n_before {
            assert_eq!(number_of(&mut video, n_frames - 1), (n_frames as u32 - 1) * 257);
        }
        n_before = n_frames;
    }
    assert_eq!(n_before, 12);
}

#[test]
fn zeros_at_the_end_are_no_frames() {
    // Broken: after a power cut the newest frames could be bytes that never reached the disk.
    let folder = TempDir::new().unwrap();
    let path = numbered_file(folder.path(), 12);
    let whole = fs::read(&path).unwrap();
    for n_lost in 1..whole.len() / 2 {
        let mut bytes = whole.clone();
        let from = whole.len() - n_lost;
        bytes[from..].fill(0);
        fs::write(&path, &bytes).unwrap();
        let mut video = VideoFile::open(&path).unwrap();
        let n_frames = video.n_frames();
        assert!(n_frames < 12, "{n_lost}");
        if n_frames > 0 {
            assert_eq!(number_of(&mut video, n_frames - 1), (n_frames as u32 - 1) * 257);
        }
    }
}

#[test]
fn a_failed_write_leaves_the_file_whole() {
    // Broken: recording could not go on after the disk was full for a moment.
    let folder = TempDir::new().unwrap();
    let path = folder.path().join("video.mp4");
    let mut encoder = Encoder::new(64, 64, 30, 2, 26).unwrap();
    let mut writer = FragmentWriter::create(&path, 30, encoder.parameters()).unwrap();
    for group in 0..3 {
        let units: Vec<_> = (group * 2..group * 2 + 2)
            .map(|i| encoder.encode(&numbered(i), false).unwrap())
            .collect();
        writer.append(&units).unwrap();
        assert_eq!(VideoFile::open(&path).unwrap().n_frames() as u64, writer.n_frames());
        // As if a write had broken off here.
        let torn = fs::OpenOptions::new().append(true).open(&path).unwrap();
        torn.set_len(torn.metadata().unwrap().len() + 7).unwrap();
    }
    let mut video = VideoFile::open(&path).unwrap();
    assert_eq!((0..6).map(|i| number_of(&mut video, i)).collect::<Vec<_>>(), [0, 1, 2, 3, 4, 5]);
}

#[test]
fn groups_are_as_long_as_asked_for() {
    // Broken: a fragment would begin with a frame that nothing can decode, or grow without end.
    let mut encoder = Encoder::new(64, 64, 30, 4, 30).unwrap();
    let keys = (0..12).filter(|&i| encoder.encode(&numbered(i), i == 6).unwrap().is_key);
    assert_eq!(keys.collect::<Vec<_>>(), [0, 4, 6, 10]);
}

#[test]
fn the_encoder_says_what_it_cannot_do() {
    // Broken: a camera of an odd size would end the station, or record nothing.
    for (width, height, fps, gop, qp, part) in [
        (641, 480, 30, 5, 26, "even"),
        (640, 481, 30, 5, 26, "even"),
        (0, 0, 30, 5, 26, "16 or more"),
        (8000, 480, 30, 5, 26, "3840x2160"),
        (640, 480, 0, 5, 26, "per second"),
        (640, 480, 30, 0, 26, "group"),
        (640, 480, 30, 5, 60, "quantizer"),
    ] {
        let error = Encoder::new(width, height, fps, gop, qp).unwrap_err().to_string();
        assert!(error.contains(part), "{error}");
    }
    let mut encoder = Encoder::new(64, 48, 30, 5, 26).unwrap();
    let error = encoder.encode(&[0; 12], false).unwrap_err().to_string();
    assert!(error.contains("9216"), "{error}");
    assert!(encoder.encode(&[0; 64 * 48 * 3], false).unwrap().is_key, "and goes on");
}
