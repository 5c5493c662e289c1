use std::fs;
use std::path::{Path, PathBuf};

use tempfile::TempDir;

use super::*;

/// Texture, gradients and something that moves: compresses about as well as a camera's picture.
fn picture(width: u32, height: u32, number: u32) -> Vec<u8> {
    let mut rgb = Vec::new();
    for y in 0..height {
        for x in 0..width {
            let wave = |period: f32, phase: f32| {
                ((x as f32 + phase) / period).sin() * ((y as f32 - phase / 2.0) / period).cos()
            };
            let drift = number as f32 * 1.5;
            let noise = (x * 7 + y * 13 + (x * y) % 11) % 5;
            let light = 110.0 + 60.0 * wave(31.0, drift) + 25.0 * wave(7.0, drift) + noise as f32;
            let is_ball = (x as f32 - 20.0 - drift).hypot(y as f32 - 30.0) < 12.0;
            let warm = 20.0 * (y as f32 / height as f32);
            let pixel =
                if is_ball { [200.0, 60.0, 50.0] } else { [light + warm, light, light - warm] };
            rgb.extend(pixel.map(|value| value.clamp(0.0, 255.0) as u8));
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
    let mut encoder = Encoder::new(160, 120, 30, 5, 26).unwrap();
    let units: Vec<_> =
        (0..12).map(|i| encoder.encode(&picture(160, 120, i), false).unwrap()).collect();
    let mut writer = FragmentWriter::create(&path, 30, encoder.parameters()).unwrap();
    writer.append(&units).unwrap();
    let mut video = VideoFile::open(&path).unwrap();
    assert_eq!((video.n_frames(), video.size(), video.fps()), (12, (160, 120), 30.0));
    assert_eq!(video.parameters(), Some(encoder.parameters()));
    let mut rgb = Vec::new();
    for i in 0..12 {
        video.decode(i as usize, &mut rgb).unwrap();
        let quality = psnr(&rgb, &picture(160, 120, i));
        println!("{quality}");
        assert!(quality > 38.0, "frame {i}: {quality} dB");
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
