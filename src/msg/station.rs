use super::{BaseInfo, InputMode};

/// Names that change rarely: shown beside the numbers of [`super::Snapshot`].
#[derive(Clone, Debug, Default, PartialEq)]
pub struct StationInfo {
    /// As `simulated robot` or the base's port.
    pub robot: String,
    pub base: Option<BaseInfo>,
    /// As `Logitech C920 640x480@30 MJPEG`.
    pub camera: String,
    /// Name of the loaded policy; `None` while there is none.
    pub policy: Option<String>,
    /// Names that can be chosen.
    pub policies: Vec<String>,
    /// The execution provider that really runs the graph, or why none does.
    pub device: String,
    /// How far the policy's command may be from the operator's on each axis to agree with it, m/s,
    /// m/s and rad/s.
    pub tolerance: [f64; 3],
    /// One line why the policy cannot run; empty when it can.
    pub policy_problem: String,
    pub instruction: String,
    /// Instructions the policy suggests.
    pub suggestions: Vec<String>,
    pub input_mode: InputMode,
    /// Name of the gamepad, if one is connected.
    pub gamepad: Option<String>,
    pub log_path: String,
    /// Camera geometry for drawing the planned path on the ground.
    pub camera_height_m: f64,
    /// Downwards positive, radians.
    pub camera_tilt: f64,
    /// Radians.
    pub camera_hfov: f64,
    /// Width of the robot's body, for the planned path; zero where it is not known.
    pub body_width_m: f64,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Level {
    Info,
    Good,
    Warn,
    Error,
}

/// One line of the event log.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Notice {
    pub at: super::Stamp,
    pub level: Level,
    pub text: String,
}
