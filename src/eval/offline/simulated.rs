//! Episodes that the expert drives in the simulator, for policies that nobody recorded anything
//! for.

use super::{Episode, Eye, Step};
use crate::eval::closed_loop::{
    Attempt, ClosedLoopError, Glimpse, Nobody, Options, Witness, drive, expected,
};
use crate::msg::{Frame, Twist};
use crate::sim::{Renderer, World};

/// The attempt as the expert drives it, seen with `eye`; without one there is nothing to see, but
/// the commands are the same.
///
/// # Errors
/// As [`drive`]'s.
pub fn simulated(
    attempt: &Attempt,
    options: &Options,
    rate_hz: f64,
    eye: Option<&Eye>,
) -> Result<Episode, ClosedLoopError> {
    let attempt = Attempt { expert_share: 1.0, ..attempt.clone() };
    // Nobody looks: the smallest picture is drawn the fastest.
    let size = if eye.is_some() { options.size } else { (8, 6) };
    let options = Options { size, ..options.clone() };
    let world = World::generate(&attempt.scenario, attempt.seed);
    let mut log = Log { eye, steps: Vec::new(), before: Twist::ZERO };
    let mut nobody = Nobody::new(rate_hz);
    drive(&world, &mut Renderer::new(&world), &attempt, &mut nobody, &options, &mut log)?;
    Ok(Episode { instruction: attempt.instruction, steps: log.steps })
}

/// Keeps what was seen and commanded.
struct Log<'a> {
    eye: Option<&'a Eye>,
    steps: Vec<Step>,
    before: Twist,
}

impl Witness for Log<'_> {
    fn see(&mut self, glimpse: &Glimpse<'_>) {
        let frame = glimpse.frame;
        let mut picture = Frame { seq: frame.seq, captured: frame.captured, ..Frame::default() };
        if let Some(eye) = self.eye {
            (picture.width, picture.height) = eye.size();
            picture.rgb = eye.look(&frame.rgb, frame.width, frame.height);
        }
        let wanted = expected(glimpse);
        let before = std::mem::replace(&mut self.before, wanted);
        self.steps.push(Step { picture, wanted: Some(wanted), before, takeover: None });
    }
}
