//! The contract of every camera that needs no device, and what each kind promises beyond it.
//! Cameras of this computer go through the same in `tests/vm/camera.sh`.

use std::path::{Path, PathBuf};
use std::time::Duration;

use pilothouse::camera::{self, Camera, CameraError, Config, Source, read_number};
use pilothouse::msg::{Frame, Stamp};

/// Twelve single-coloured pictures at ten a second, 96x64, with B-frames (so that the file's order
/// is not the order to show) and a sound track. Picture `i` was made from the colour `colour(i)`
/// with `ffmpeg -f rawvideo -pix_fmt rgb24 -s 96x64 -r 10 -i - -f lavfi -i sine=d=1.2 -c:v libx264
/// -bf 2 -b_strategy 0` `-x264-params keyint=6:scenecut=0 -vf
/// scale=out_color_matrix=bt601:out_range=tv -pix_fmt yuv420p -crf 12 -c:a aac`.
const VIDEO: &str = "tests/data/colours.mp4";

fn colour(number: u8) -> [u8; 3] {
    [40 + number * 15, 200 - number * 12, 60 + number * 7]
}

/// A folder of eleven pictures, each of one colour, `1.png` to `10.png` and `11.jpg`.
fn folder() -> tempfile::TempDir {
    let folder = tempfile::tempdir().expect("a temporary folder");
    for number in 1..=11_u8 {
        let picture = image::RgbImage::from_pixel(32, 16, image::Rgb(colour(number)));
        let kind = if number == 11 { "jpg" } else { "png" };
        picture.save(folder.path().join(format!("{number}.{kind}"))).expect("written");
    }
    std::fs::write(folder.path().join("notes.txt"), "not a picture").expect("written");
    folder
}

fn config(source: impl Into<PathBuf>, repeat: bool) -> Config {
    Config { source: Source::Path(source.into()), rate: 20, repeat, ..Config::default() }
}

fn open(config: &Config) -> Box<dyn Camera> {
    camera::open(config).expect("it opens")
}

/// Grabs and retrieves one picture into a fresh frame.
fn next(camera: &mut dyn Camera) -> Result<(Duration, Frame), CameraError> {
    let grabbed = camera.grab()?;
    let mut frame = Frame::default();
    camera.retrieve(&mut frame)?;
    Ok((grabbed.due.expect("a source without a device has times"), frame))
}

fn assert_colour(frame: &Frame, number: u8) {
    let middle = (frame.height / 2 * frame.width + frame.width / 2) as usize * 3;
    for (&seen, want) in frame.rgb[middle..].iter().zip(colour(number)) {
        assert!(seen.abs_diff(want) <= 4, "{seen} for {want} of picture {number}");
    }
}

#[test]
fn every_camera_keeps_the_contract() {
    // Broken: the camera loop would misread a kind of camera: wrong sizes, lost numbers, times that
    // run backwards.
    let folder = folder();
    let pattern = Config { source: Source::Pattern, width: 160, height: 120, ..Config::default() };
    for config in [pattern, config(folder.path(), true), config(VIDEO, true)] {
        let mut camera = open(&config);
        let info = camera.info().clone();
        assert!(!info.name.is_empty() && !info.path.is_empty() && info.rate > 0.0, "{info:?}");
        let reopened = open(&Config { source: info.path.parse().unwrap(), ..config.clone() });
        assert_eq!(reopened.info(), &info, "the path opens the same camera again");

        let mut last_due = None;
        for number in 0..40 {
            let grabbed = camera.grab().unwrap();
            assert_eq!(grabbed.device_seq, Some(number), "{info:?}");
            assert!(last_due < grabbed.due, "{info:?}: {last_due:?} before {:?}", grabbed.due);
            last_due = grabbed.due;
            let captured = Stamp::from_millis(5);
            let mut frame = Frame { seq: 7, captured, ..Frame::default() };
            camera.retrieve(&mut frame).unwrap();
            assert_eq!((frame.seq, frame.captured), (7, captured), "not the camera's to set");
            assert_eq!((frame.width, frame.height), (info.width, info.height));
            assert_eq!(frame.rgb.len(), (info.width * info.height * 3) as usize);
            let mut again = frame.clone();
            again.rgb.fill(0);
            camera.retrieve(&mut again).unwrap();
            assert_eq!(again, frame, "retrieving twice gives the same picture");
        }
    }
}

#[test]
fn the_test_pattern_tells_its_number_and_moves() {
    // Broken: one could not see from the screen whether pictures are lost, or how old they are.
    let config = Config { source: Source::Pattern, rate: 50, ..Config::default() };
    let mut camera = open(&config);
    let mut before = Frame::default();
    for number in 0..12 {
        let (due, frame) = next(camera.as_mut()).unwrap();
        assert_eq!(due, Duration::from_millis(20) * number);
        assert_eq!(read_number(&frame), Some(u64::from(number)));
        assert_ne!(frame.rgb, before.rgb);
        before = frame;
    }
    before.rgb.fill(90);
    assert_eq!(read_number(&before), None);
    let tiny = Config { width: 3, height: 2, ..config };
    assert_eq!(read_number(&next(open(&tiny).as_mut()).unwrap().1), None);
}

#[test]
fn a_video_is_shown_in_order_at_its_own_times() {
    // Broken: a recorded drive would play its pictures out of order, at the wrong pace, or lose the
    // last ones.
    let mut camera = open(&config(VIDEO, false));
    let info = camera.info();
    assert_eq!((info.width, info.height, info.rate, info.format.as_str()), (96, 64, 10.0, "H.264"));
    for number in 0..12 {
        let (due, frame) = next(camera.as_mut()).unwrap();
        assert_eq!(due, Duration::from_millis(100) * u32::from(number));
        assert_colour(&frame, number);
    }
    assert!(matches!(camera.grab(), Err(CameraError::End { .. })));
    assert!(matches!(camera.grab(), Err(CameraError::End { .. })), "and stays over");
}

#[test]
fn a_repeated_video_begins_again_without_a_gap() {
    // Broken: a looped video would stand still or jump where it begins again.
    let mut camera = open(&config(VIDEO, true));
    for number in 0..30 {
        let (due, frame) = next(camera.as_mut()).unwrap();
        assert_eq!(due, Duration::from_millis(100) * number);
        assert_colour(&frame, (number % 12) as u8);
    }
}

#[test]
fn a_folder_is_shown_in_the_order_people_count() {
    // Broken: picture 10 would be shown after picture 1.
    let folder = folder();
    let mut camera = open(&config(folder.path(), false));
    assert!((camera.info().rate - 20.0).abs() < 1e-9);
    for number in 1..=11 {
        let (due, frame) = next(camera.as_mut()).unwrap();
        assert_eq!(due, Duration::from_millis(50) * (u32::from(number) - 1));
        assert_colour(&frame, number);
    }
    assert!(matches!(camera.grab(), Err(CameraError::End { .. })));
}

#[test]
fn a_damaged_picture_costs_only_itself() {
    // Broken: one bad file in a folder would end the show.
    let folder = folder();
    let bytes = std::fs::read(folder.path().join("11.jpg")).unwrap();
    std::fs::write(folder.path().join("5.jpg"), &bytes[..bytes.len() / 2]).unwrap();
    std::fs::write(folder.path().join("6.png"), b"nothing").unwrap();
    let mut camera = open(&config(folder.path(), false));
    let mut damaged = Vec::new();
    for _ in 0..12 {
        match next(camera.as_mut()) {
            Ok(_) => {}
            Err(CameraError::Decode { camera, .. }) => damaged.push(camera),
            Err(other) => panic!("{other}"),
        }
    }
    let names: Vec<_> = damaged.iter().filter_map(|path| Path::new(path).file_name()).collect();
    assert_eq!(names, ["5.jpg", "6.png"]);
}

#[test]
fn a_damaged_video_ends_or_goes_on_but_never_panics() {
    // Broken: a file that was cut short by a crash would take the station with it.
    let good = std::fs::read(VIDEO).unwrap();
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("damaged.mp4");
    for step in 0..120_usize {
        let mut bytes = good.clone();
        if step % 2 == 0 {
            bytes.truncate(good.len() * step / 120);
        } else {
            for place in (step * 40..good.len()).step_by(173) {
                bytes[place] ^= 1 << (step % 8);
            }
        }
        std::fs::write(&path, &bytes).unwrap();
        let Ok(mut camera) = camera::open(&config(&path, false)) else {
            continue;
        };
        let over = (0..200).any(|_| matches!(next(camera.as_mut()), Err(CameraError::End { .. })));
        assert!(over, "it comes to an end");
    }
}

#[test]
fn what_cannot_be_opened_says_why_and_what_to_do() {
    // Broken: a wrong name in the configuration would be a riddle.
    let folder = tempfile::tempdir().unwrap();
    let text = folder.path().join("text.mp4");
    std::fs::write(&text, "this is no video").unwrap();
    let cases = [
        (config(folder.path().join("nothing.mp4"), true), "No such file"),
        (config(folder.path(), true), "no picture in it"),
        (config(&text, true), "text.mp4"),
        (Config { source: "/dev/video250".parse().unwrap(), ..Config::default() }, "video250"),
    ];
    for (config, part) in cases {
        let error = camera::open(&config).err().unwrap();
        assert!(matches!(error, CameraError::Open { .. }));
        let text = error.to_string();
        assert!(text.contains(part), "{text}");
    }
}
