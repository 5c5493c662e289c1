//! `videos/`: a frame for each row, on the grid, that can be decoded.

use std::collections::{BTreeMap, BTreeSet};
use std::path::PathBuf;

use super::{DecodeCheck, Description, FROM_COPY, Report};
use crate::dataset::lerobot::entries;
use crate::dataset::lerobot::episodes::{EpisodeMeta, VideoSpan};
use crate::dataset::video::VideoFile;

/// What LeRobot allows between the time asked for and a frame's.
const TOLERANCE_S: f64 = 1e-4;

impl Report {
    pub(super) fn check_videos(&mut self, description: &Description, decode: DecodeCheck) {
        let info = &description.info;
        for camera in info.features.cameras() {
            let mut files: BTreeMap<String, Vec<(&EpisodeMeta, VideoSpan)>> = BTreeMap::new();
            for meta in &description.episodes {
                let Some(span) = meta.videos.get(&camera) else {
                    let what = format!("episode {} has no video of {camera}", meta.index);
                    self.error("meta/episodes", what, FROM_COPY);
                    continue;
                };
                let file = info.video_file(&camera, span.place);
                files.entry(file).or_default().push((meta, *span));
            }
            for (path, episodes) in &mut files {
                // LeRobot's tools do not always keep their order.
                episodes.sort_by(|(_, a), (_, b)| a.from_s.total_cmp(&b.from_s));
                match VideoFile::open(&self.root.join(path)) {
                    Ok(mut video) => {
                        self.check_shape(path, &video, &camera, description);
                        self.check_frames(path, &video, episodes, f64::from(info.fps));
                        self.decode(&mut video, episodes, f64::from(info.fps), decode);
                    }
                    Err(error) => self.failed(error),
                }
            }
            let known: BTreeSet<PathBuf> = files.keys().map(|path| self.root.join(path)).collect();
            self.look_for_strays(&camera, &known);
        }
    }

    fn check_shape(
        &mut self,
        path: &str,
        video: &VideoFile,
        camera: &str,
        description: &Description,
    ) {
        let (width, height) = video.size();
        let shape = description.info.features.get(camera).map(|feature| feature.shape.as_slice());
        if let Some([h, w, _]) = shape
            && (width as usize, height as usize) != (*w, *h)
        {
            let what = format!("it is {width}x{height}, meta/info.json says {w}x{h}");
            self.error(path, what, FROM_COPY);
        }
        let fps = f64::from(description.info.fps);
        if video.n_frames() > 1 && (video.fps() - fps).abs() > 1e-3 * fps {
            let what = format!("it has {:.3} frames a second, the dataset {fps}", video.fps());
            self.error(path, what, "LeRobot shows other pictures than were recorded; restore it");
        }
    }

    fn check_frames(
        &mut self,
        path: &str,
        video: &VideoFile,
        episodes: &[(&EpisodeMeta, VideoSpan)],
        fps: f64,
    ) {
        let mut end = 0;
        for (meta, span) in episodes {
            let index = meta.index;
            let first = (span.from_s * fps).round() as usize;
            let (last, n_frames) = (first + meta.length, video.n_frames());
            if last > n_frames {
                let what = format!("it ends with frame {n_frames}, episode {index} with {last}");
                self.error(path, what, FROM_COPY);
            }
            if first < end {
                let what = format!("episode {index} shares frames with another one");
                self.error(path, what, FROM_COPY);
            }
            end = last;
            let is_on_grid = |frame: usize| {
                let asked = span.from_s + (frame - first) as f64 / fps;
                (video.time_of(frame) - asked).abs() <= TOLERANCE_S
            };
            if !(first..last.min(n_frames)).all(is_on_grid) {
                let what = format!("frames of episode {index} are not where its rows ask for them");
                self.error(path, what, FROM_COPY);
            }
            let seconds = meta.length as f64 / fps;
            if (span.to_s - span.from_s - seconds).abs() > 0.5 / fps {
                let what = format!("episode {index} has {} s of it, not {seconds}", span.to_s);
                self.warn(path, what, "LeRobot's tools would cut it wrongly; restore meta/");
            }
        }
    }

    fn decode(
        &mut self,
        video: &mut VideoFile,
        episodes: &[(&EpisodeMeta, VideoSpan)],
        fps: f64,
        decode: DecodeCheck,
    ) {
        let DecodeCheck::EveryNth(nth) = decode else { return };
        let mut rgb = Vec::new();
        for (meta, span) in episodes {
            let first = (span.from_s * fps).round() as usize;
            let last = (first + meta.length).min(video.n_frames());
            let frames = (first..last).step_by(nth.max(1));
            let failed = frames.filter_map(|frame| video.decode(frame, &mut rgb).err());
            let failed: Vec<_> = failed.collect();
            let n = failed.len();
            for error in failed.into_iter().take(1) {
                self.failed(error);
            }
            if n > 1 {
                let path = video.path().strip_prefix(&self.root).unwrap_or(video.path());
                let path = path.to_string_lossy().into_owned();
                let what = format!("{n} frames of episode {} cannot be decoded", meta.index);
                self.error(&path, what, FROM_COPY);
            }
        }
    }

    fn look_for_strays(&mut self, camera: &str, known: &BTreeSet<PathBuf>) {
        for chunk in entries(&self.root.join("videos").join(camera)).unwrap_or_default() {
            for path in entries(&chunk).unwrap_or_default() {
                if !known.contains(&path) {
                    let inside = path.strip_prefix(&self.root).unwrap_or(&path).to_string_lossy();
                    self.warn(&inside, "no episode is in it", "remove it if you do not need it");
                }
            }
        }
    }
}
