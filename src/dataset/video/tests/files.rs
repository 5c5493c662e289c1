//! Files of others, and files made of files.

use super::*;
use crate::dataset::DatasetError;

/// Twelve pictures of one colour each with B-frames and sound; `tests/camera.rs` tells more.
const COLOURS: &str = "tests/data/colours.mp4";

fn assert_colour(video: &mut VideoFile, idx: usize, number: u8) {
    let mut rgb = Vec::new();
    video.decode(idx, &mut rgb).unwrap();
    let want = [40 + number * 15, 200 - number * 12, 60 + number * 7];
    for (seen, want) in rgb.iter().zip(want) {
        assert!(seen.abs_diff(want) <= 4, "{seen} for {want} of picture {number}");
    }
}

fn moov_comes_first(path: &Path) -> bool {
    let bytes = fs::read(path).unwrap();
    let find = |kind: &[u8]| bytes.windows(4).position(|word| word == kind).unwrap();
    find(b"moov") < find(b"mdat")
}

#[test]
fn frames_that_are_stored_out_of_order_come_in_order() {
    // Broken: datasets that others recorded would show frames of another moment.
    let mut video = VideoFile::open(Path::new(COLOURS)).unwrap();
    assert_eq!((video.n_frames(), video.size(), video.fps()), (12, (96, 64), 10.0));
    let scattered = (0..60).map(|i| i * 7 % 12);
    for idx in (0..12).chain((0..12).rev()).chain(scattered) {
        assert_colour(&mut video, idx, idx as u8);
        assert!((video.time_of(idx) - idx as f64 * 0.1).abs() < 1e-9);
        assert_eq!(video.is_key(idx), idx % 6 == 0);
    }
    assert_eq!(video.frame_at(0.549), Some(5));
    assert_eq!((video.frame_at(-3.0), video.frame_at(99.0)), (Some(0), Some(11)));
    let error = video.decode(12, &mut Vec::new()).unwrap_err().to_string();
    assert!(error.contains("no frame 12"), "{error}");
}

#[test]
fn frames_are_copied_as_they_are() {
    // Broken: finishing or trimming an episode would lose quality, or shift its frames.
    let folder = TempDir::new().unwrap();
    let out = folder.path().join("out.mp4");
    let path = numbered_file(folder.path(), 23);
    let (mut a, mut b) = (VideoFile::open(&path).unwrap(), VideoFile::open(&path).unwrap());
    remux(&mut [(&mut a, 10..23), (&mut b, 5..9)], 20, &out).unwrap();
    assert!(moov_comes_first(&out));

    let mut video = VideoFile::open(&out).unwrap();
    assert_eq!((video.n_frames(), video.fps(), video.size()), (17, 20.0, (64, 64)));
    assert_eq!(video.parameters(), a.parameters());
    for (idx, from) in (10..23).chain(5..9).enumerate() {
        assert_eq!(video.sample_bytes(idx).unwrap(), a.sample_bytes(from).unwrap());
        assert_eq!(number_of(&mut video, idx), from as u32 * 257);
        assert!((video.time_of(idx) - idx as f64 / 20.0).abs() < 1e-9);
    }
    let ticks = (video.time_of(1) * 20.0 * f64::from(TICKS)).round() as u32;
    assert_eq!(ticks, TICKS);
}

#[test]
fn frames_out_of_order_are_copied_too() {
    // Broken: trimming an episode that LeRobot recorded would scramble it.
    let folder = TempDir::new().unwrap();
    let out = folder.path().join("out.mp4");
    let (mut a, mut b) = (
        VideoFile::open(Path::new(COLOURS)).unwrap(),
        VideoFile::open(Path::new(COLOURS)).unwrap(),
    );
    remux(&mut [(&mut a, 6..12), (&mut b, 0..12)], 10, &out).unwrap();
    let mut video = VideoFile::open(&out).unwrap();
    assert_eq!(video.n_frames(), 18);
    for (idx, number) in (6..12).chain(0..12).enumerate() {
        assert_colour(&mut video, idx, number);
        assert!((video.time_of(idx) - idx as f64 * 0.1).abs() < 1e-9);
    }
}

#[test]
fn what_cannot_be_copied_says_what_can() {
    // Broken: a cut in a wrong place would leave frames that no one can decode.
    let folder = TempDir::new().unwrap();
    let out = folder.path().join("out.mp4");
    let mut numbered = VideoFile::open(&numbered_file(folder.path(), 12)).unwrap();
    let mut colours = VideoFile::open(Path::new(COLOURS)).unwrap();
    let refusal = |video: &mut VideoFile, range| {
        let error = remux(&mut [(video, range)], 10, &out).unwrap_err();
        assert!(matches!(error, DatasetError::Refused(_)));
        error.to_string()
    };
    assert!(refusal(&mut numbered, 3..7).contains("at frame 0 before"));
    assert!(refusal(&mut numbered, 9..12).contains("at frame 5 before"));
    assert!(refusal(&mut numbered, 5..13).contains("it has 12"));
    assert!(refusal(&mut numbered, 5..5).contains("it has 12"));
    assert!(refusal(&mut colours, 0..2).contains("move the end"));
    let mixed = remux(&mut [(&mut numbered, 0..5), (&mut colours, 0..6)], 10, &out);
    assert!(mixed.unwrap_err().to_string().contains("other settings"));
    assert!(matches!(remux(&mut [], 10, &out), Err(DatasetError::Refused(_))));
}

#[test]
fn another_codec_is_named_with_the_way_out() {
    // Broken: LeRobot's own datasets are AV1; the user would not learn what to do with them.
    let folder = TempDir::new().unwrap();
    let path = folder.path().join("other.mp4");
    let mut bytes = fs::read(COLOURS).unwrap();
    let at = bytes.windows(4).position(|word| word == b"avc1").unwrap();
    let at = bytes[at + 4..].windows(4).position(|word| word == b"avc1").unwrap() + at + 4;
    bytes[at..at + 4].copy_from_slice(b"mp4v");
    fs::write(&path, bytes).unwrap();
    let error = VideoFile::open(&path).unwrap_err().to_string();
    assert!(error.contains("mp4v") && error.contains("ffmpeg -i"), "{error}");
    for (bytes, part) in [("", "no MP4 header"), ("This is some text.", "no MP4 header")] {
        fs::write(&path, bytes).unwrap();
        let error = VideoFile::open(&path).unwrap_err().to_string();
        assert!(error.contains(part), "{error}");
    }
    let error = VideoFile::open(&folder.path().join("none.mp4")).unwrap_err().to_string();
    assert!(error.contains("none.mp4"), "{error}");
}

/// Whatever it says, it says it without a panic, and the good frames stay good.
fn try_all(path: &Path) {
    let Ok(mut video) = VideoFile::open(path) else { return };
    let mut rgb = Vec::new();
    for idx in (0..video.n_frames().min(40)).rev() {
        let _ = video.decode(idx, &mut rgb);
        let _ = video.sample_bytes(idx);
    }
    let n_frames = video.n_frames();
    let _ = remux(&mut [(&mut video, 0..n_frames)], 10, &path.with_extension("out"));
}

proptest! {
    #![proptest_config(
        ProptestConfig { cases: 150, failure_persistence: None, ..Default::default() }
    )]

    #[test]
    fn damage_never_panics(
        is_plain: bool,
        flips in proptest::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 1..12),
        cut: Option<prop::sample::Index>,
    ) {
        // Broken: one bad file in a dataset would end the program.
        let folder = TempDir::new().unwrap();
        let path = folder.path().join("damaged.mp4");
        let good = if is_plain { COLOURS.into() } else { numbered_file(folder.path(), 7) };
        let mut bytes = fs::read(good).unwrap();
        for (place, byte) in flips {
            let place = place.index(bytes.len());
            bytes[place] ^= byte;
        }
        if let Some(cut) = cut {
            bytes.truncate(cut.index(bytes.len()));
        }
        fs::write(&path, &bytes).unwrap();
        try_all(&path);
    }

    #[test]
    fn garbage_never_panics(bytes: Vec<u8>, kind in 0..4_usize) {
        // Broken: a file that only has the name of a video would end the program.
        let folder = TempDir::new().unwrap();
        let path = folder.path().join("garbage.mp4");
        let kind: &[u8] = [b"ftyp", b"moov", b"moof", b"free"][kind];
        let head = [&16_u32.to_be_bytes()[..], b"ftypisom\0\0\0\0", &900_u32.to_be_bytes(), kind];
        fs::write(&path, [head.concat(), bytes].concat()).unwrap();
        try_all(&path);
    }
}
