use std::path::Path;
use std::time::Duration;

use super::{Camera, CameraError, CameraInfo, Grabbed};
use crate::dataset::video::VideoFile;
use crate::msg::Frame;

/// An MP4 file with H.264 pictures, paced by its own time stamps.
#[derive(Debug)]
pub struct Video {
    info: CameraInfo,
    file: VideoFile,
    repeat: bool,
    /// Pictures grabbed so far.
    grabbed: u64,
    /// Those of them since the file last began.
    n_shown: usize,
    /// Length of the runs through the file before this one.
    earlier: Duration,
}

impl Video {
    /// `repeat` begins again at the end.
    ///
    /// # Errors
    /// The file cannot be read, is no MP4, or has no H.264 track.
    pub fn open(path: &Path, repeat: bool) -> Result<Self, CameraError> {
        let camera = path.display().to_string();
        let fail = |reason: String| CameraError::Open {
            camera: camera.clone(),
            reason,
            remedy: "name an MP4 file with H.264 pictures, a folder of images, or a camera \
                     (`pilothouse camera list` shows them)"
                .to_owned(),
        };
        let mut file = VideoFile::open(path).map_err(|why| fail(why.to_string()))?;
        if file.n_frames() == 0 {
            return Err(fail("there is no picture in it".to_owned()));
        }
        file.decode(0, &mut Vec::new()).map_err(|why| fail(why.to_string()))?;
        let (width, height) = file.size();
        let info = CameraInfo {
            name: path.file_name().unwrap_or_default().to_string_lossy().into_owned(),
            path: camera.clone(),
            width,
            height,
            rate: file.fps(),
            format: "H.264".to_owned(),
        };
        Ok(Self { info, file, repeat, grabbed: 0, n_shown: 0, earlier: Duration::ZERO })
    }

    /// Time from the file's first picture to the one at `idx`, or to the end.
    fn since_first(&self, idx: usize) -> Duration {
        let seconds = self.file.time_of(idx) - self.file.time_of(0);
        Duration::try_from_secs_f64(seconds).unwrap_or_default()
    }
}

impl Camera for Video {
    fn info(&self) -> &CameraInfo {
        &self.info
    }

    fn grab(&mut self) -> Result<Grabbed, CameraError> {
        if self.n_shown == self.file.n_frames() {
            if !self.repeat {
                return Err(CameraError::End { camera: self.info.path.clone() });
            }
            self.earlier += self.since_first(self.n_shown);
            self.n_shown = 0;
        }
        let due = self.earlier + self.since_first(self.n_shown);
        let number = self.grabbed;
        self.grabbed += 1;
        self.n_shown += 1;
        Ok(Grabbed { device_seq: Some(number), due: Some(due) })
    }

    fn retrieve(&mut self, frame: &mut Frame) -> Result<(), CameraError> {
        let idx = self.n_shown.saturating_sub(1);
        self.file.decode(idx, &mut frame.rgb).map_err(|why| CameraError::Decode {
            camera: self.info.path.clone(),
            reason: why.to_string(),
        })?;
        (frame.width, frame.height) = self.file.size();
        Ok(())
    }
}
