//! What our recordings hold. Every `_ns` column names its clock; all units are SI.
//!
//! A feature whose name starts with `observation` or `action` becomes a policy's input or output in
//! LeRobot, so what the policy or the operator only wished for is named otherwise.

use super::info::{Feature, Features};

/// What a new dataset is to hold, besides the five columns that every dataset has.
#[derive(Clone, Debug, PartialEq)]
pub struct Schema {
    /// Rows, and pictures of each camera, in a second.
    pub fps: u32,
    pub robot_type: String,
    pub cameras: Vec<CameraSpec>,
    pub features: Features,
}

/// A camera: its key is a feature name such as `observation.images.front`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CameraSpec {
    pub key: String,
    pub width: u32,
    pub height: u32,
}

/// The axes of a velocity: m/s forward, m/s to the left, rad/s counter-clockwise.
const TWIST: [&str; 3] = ["x.vel", "y.vel", "theta.vel"];

impl Schema {
    /// The columns of a drive, a row for each picture of the camera.
    #[must_use]
    pub fn drive(fps: u32, robot_type: &str, cameras: Vec<CameraSpec>) -> Self {
        let twist = |what: &str| {
            Feature::vector(&TWIST, &format!("{what}; m/s forward, m/s left, rad/s yaw"))
        };
        let features = [
            ("observation.state", twist("velocity that the base measured")),
            ("action", twist("command sent to the base")),
            ("policy_action", twist("what the policy proposed, also while a human drove")),
            ("policy_action_valid", Feature::scalar("bool", "whether there was a proposal")),
            ("operator_action", twist("what the operator wished")),
            ("operator_action_valid", Feature::scalar("bool", "whether the operator acted")),
            ("intervention", Feature::scalar("bool", "the operator acted while autonomy was on")),
            ("mode", Feature::scalar("string", "who might move the robot")),
            ("authority", Feature::scalar("string", "whose wish became the command")),
            ("limiter", Feature::scalar("string", "which limit changed the command")),
            ("confidence", Feature::scalar("float32", "the policy's, 0 to 1; 0 without one")),
            ("battery", Feature::scalar("float32", "charge, 0 to 1")),
            ("frame_age_s", Feature::scalar("float32", "age of the picture at the command, s")),
            ("frame_repeated", Feature::scalar("bool", "the picture before, as none was new")),
            (
                "capture_time_ns",
                Feature::scalar("int64", "capture, ns, the station's monotonic clock"),
            ),
            (
                "tick_time_ns",
                Feature::scalar("int64", "command, ns, the station's monotonic clock"),
            ),
        ];
        let features = features.map(|(name, feature)| (name.to_owned(), feature));
        let robot_type = robot_type.to_owned();
        Self { fps, robot_type, cameras, features: Features(features.into()) }
    }
}
