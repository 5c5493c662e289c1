//! The simulated robot as a child process: the station measures only itself, and loses nothing if
//! the robot dies.

use std::io::Write;
use std::process::{Child, ChildStdin, Command, Stdio};
use std::sync::Arc;

use anyhow::Context;

use crate::camera::{self, Camera, CameraError};
use crate::config::Sim;
use crate::runtime::spawn;
use crate::sim::link::{Link, SimCamera};
use crate::sim::packet::{Hello, Status};

/// A running simulator. Dropping it ends it.
#[derive(Debug)]
pub struct SimProcess {
    hello: Hello,
    link: Arc<Link>,
    orders: Option<ChildStdin>,
    child: Child,
}

impl SimProcess {
    /// Starts this very program as `sim serve`, its camera as `camera` says, and waits for its
    /// hello.
    ///
    /// # Errors
    /// It cannot be started, or ended at once: an unknown scenario, say; its own words are on
    /// standard error.
    pub fn start(config: &Sim, camera: &camera::Config) -> anyhow::Result<Self> {
        let program = std::env::current_exe().context("cannot find this program's own file")?;
        let mut command = Command::new(program);
        // A hang-up of the station's terminal is the station's to handle; the robot lives until its
        // input ends.
        #[cfg(unix)]
        std::os::unix::process::CommandExt::process_group(&mut command, 0);
        let mut child = command
            .args(["sim", "serve", "--scenario", &config.scenario])
            .args(["--seed", &config.seed.to_string()])
            .args(["--width", &camera.width.to_string(), "--height", &camera.height.to_string()])
            .args(["--rate", &camera.rate.to_string()])
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .context("cannot start the simulated robot")?;
        let orders = child.stdin.take();
        let mut stream = child.stdout.take().context("the simulated robot has no output")?;
        let link = Arc::new(Link::default());
        let hello = match link.hello(&mut stream) {
            Ok(hello) => hello,
            Err(error) => {
                let _ = child.kill();
                let _ = child.wait();
                return Err(error).context("the simulated robot did not start");
            }
        };
        let reader = Arc::clone(&link);
        let port = hello.port.clone();
        spawn("sim-link", move || {
            reader.run(stream);
            // A robot that was killed leaves its link behind, and the system may soon give the
            // pseudo-terminal it names to somebody's shell. (Of a TCP address there is no file.)
            let _ = std::fs::remove_file(port);
        })
        .context("cannot start a thread")?;
        Ok(Self { hello, link, orders, child })
    }

    #[must_use]
    pub const fn hello(&self) -> &Hello {
        &self.hello
    }

    /// The process's number.
    #[must_use]
    pub fn id(&self) -> u32 {
        self.child.id()
    }

    /// Opens its camera, again and again if need be.
    pub fn camera(
        &self,
    ) -> impl Fn() -> Result<Box<dyn Camera>, CameraError> + Send + Sync + 'static {
        let link = Arc::clone(&self.link);
        move || Ok(Box::new(SimCamera::open(&link)?))
    }

    /// What is true of the robot, a tenth of a second old at most.
    #[must_use]
    pub fn status(&self) -> Option<Status> {
        self.link.status()
    }

    /// Gives an order, as `camera freeze` or `base unplug`.
    ///
    /// # Errors
    /// The simulator has ended.
    pub fn order(&mut self, line: &str) -> anyhow::Result<()> {
        let orders = self.orders.as_mut().context("the simulated robot takes no orders")?;
        writeln!(orders, "{line}").context("the simulated robot has ended")
    }
}

impl Drop for SimProcess {
    fn drop(&mut self) {
        // The end of its input ends it; it then removes its port. The kill is for one that hangs.
        self.orders = None;
        for _ in 0..50 {
            if matches!(self.child.try_wait(), Ok(Some(_))) {
                return;
            }
            crate::runtime::clock::sleep(std::time::Duration::from_millis(10));
        }
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
