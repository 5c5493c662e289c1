//! An episode opened to be written elsewhere: its rows, its pictures one at a time, what is known
//! of it.

use crate::dataset::DatasetError;
use crate::dataset::lerobot::{Dataset, EpisodeNotes};
use crate::dataset::table::{Column, Table};
use crate::dataset::video::VideoFile;

/// One episode of a dataset.
pub(super) struct Episode {
    pub(super) index: usize,
    pub(super) fps: u32,
    pub(super) rows: Table,
    /// The instruction of each row.
    pub(super) tasks: Vec<String>,
    pub(super) notes: EpisodeNotes,
    pub(super) cameras: Vec<Camera>,
    /// Names of the elements of each list column.
    names: Vec<(String, Vec<String>)>,
}

/// A camera of the episode.
pub(super) struct Camera {
    pub(super) name: String,
    pub(super) video: VideoFile,
    /// Which frame of the video is the picture of row 0.
    pub(super) first: usize,
}

impl Episode {
    pub(super) fn open(dataset: &Dataset, index: usize) -> Result<Self, DatasetError> {
        let info = dataset.info();
        let notes = dataset.episode(index)?.notes.clone();
        let rows = dataset.rows(index)?;
        let mut cameras = Vec::new();
        for name in dataset.cameras() {
            let (path, first) = dataset.video_path(index, &name)?;
            let video = VideoFile::open(&path)?;
            if video.n_frames() < first + rows.n_rows() {
                let (has, needs) = (video.n_frames(), first + rows.n_rows());
                let reason = format!("it has {has} frames of the {needs} that the rows need");
                return Err(DatasetError::Video { path, reason });
            }
            cameras.push(Camera { name, video, first });
        }
        let tasks = rows.i64s("task_index").unwrap_or_default().iter().map(|task| {
            let text = usize::try_from(*task).ok().and_then(|task| dataset.tasks().get(task));
            text.cloned().unwrap_or_default()
        });
        let names = rows.columns().map(|(column, _)| {
            let names = info.features.get(column).map(|feature| &feature.names);
            let names = names.and_then(|names| names.as_array()).into_iter().flatten();
            let texts = names.filter_map(|name| name.as_str()).map(str::to_owned);
            (column.to_owned(), texts.collect())
        });
        Ok(Self {
            index,
            fps: info.fps,
            tasks: tasks.collect(),
            names: names.collect(),
            notes,
            cameras,
            rows,
        })
    }

    pub(super) fn n_rows(&self) -> usize {
        self.rows.n_rows()
    }

    /// Width and height of the first camera's pictures.
    pub(super) fn size(&self) -> (u32, u32) {
        self.cameras.first().map_or((0, 0), |camera| camera.video.size())
    }

    /// Decodes a camera's picture of a row to RGB.
    pub(super) fn picture(
        &mut self,
        camera: usize,
        row: usize,
        rgb: &mut Vec<u8>,
    ) -> Result<(), DatasetError> {
        let Some(camera) = self.cameras.get_mut(camera) else {
            let text = "the dataset has no camera: there are no pictures to write".to_owned();
            return Err(DatasetError::Refused(text));
        };
        camera.video.decode(camera.first + row, rgb)
    }

    /// Numbers of an action, and the actions of all rows one after the other.
    pub(super) fn actions(&self) -> Result<(usize, Vec<f32>), DatasetError> {
        let actions = match self.rows.column("action") {
            Some(Column::F32List { width, values }) => Some((*width, values.clone())),
            Some(Column::F32(values)) => Some((1, values.clone())),
            _ => None,
        };
        actions.filter(|(width, _)| *width > 0).ok_or_else(|| {
            DatasetError::Refused("the dataset has no column action of numbers".to_owned())
        })
    }

    /// What to call element `i` of a list column.
    pub(super) fn element_name(&self, column: &str, i: usize) -> String {
        let names = self.names.iter().find(|(name, _)| name == column);
        let name = names.and_then(|(_, names)| names.get(i)).cloned();
        name.unwrap_or_else(|| i.to_string())
    }
}
