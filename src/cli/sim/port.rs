//! The simulated base's end of the serial line: a pseudo-terminal, or TCP where the system has
//! none.

use std::io;

use anyhow::Context;

/// A line whose far end the station opens by [`Port::address`].
#[derive(Debug)]
pub(super) struct Port {
    address: String,
    end: Option<platform::End>,
}

impl Port {
    pub(super) fn open() -> anyhow::Result<Self> {
        let (address, end) = platform::open().context("cannot make a serial port for the base")?;
        Ok(Self { address, end: Some(end) })
    }

    pub(super) fn address(&self) -> &str {
        &self.address
    }

    /// Leaves nothing behind.
    pub(super) fn close(&mut self) {
        self.unplug();
        platform::clean_up(&self.address);
    }

    /// As when the cable is pulled.
    pub(super) fn unplug(&mut self) {
        if self.end.take().is_some() {
            platform::unplug(&self.address);
        }
    }

    pub(super) fn plug_in(&mut self) -> anyhow::Result<()> {
        if self.end.is_none() {
            self.end = Some(platform::reopen(&self.address).context("cannot make a serial port")?);
        }
        Ok(())
    }

    /// What arrived, without waiting; nothing while nobody has the far end open.
    pub(super) fn read(&mut self, buffer: &mut [u8]) -> usize {
        self.end.as_mut().and_then(|end| end.read_now(buffer).ok()).unwrap_or(0)
    }

    /// Sends what the line takes at once; a line that nobody reads loses the rest, as a wire would.
    pub(super) fn write(&mut self, bytes: &[u8]) {
        if let Some(end) = &mut self.end {
            let _: io::Result<()> = end.write_now(bytes);
        }
    }
}

#[cfg(unix)]
mod platform {
    use std::fs;
    use std::io::{self, Read, Write};
    use std::os::unix::fs::symlink;
    use std::path::Path;
    use std::time::Duration;

    use serialport::{SerialPort, TTYPort};

    /// The far end stays open here too: a pseudo-terminal that nobody has open reads as an error.
    #[derive(Debug)]
    pub(super) struct End {
        master: TTYPort,
        _slave: TTYPort,
    }

    /// The address is a link, so that a port that was unplugged comes back under the same name.
    pub(super) fn open() -> io::Result<(String, End)> {
        let folder = std::env::temp_dir().join(format!("pilothouse-sim-{}", std::process::id()));
        fs::create_dir_all(&folder)?;
        let address = folder.join("base").display().to_string();
        let end = reopen(&address)?;
        Ok((address, end))
    }

    pub(super) fn reopen(address: &str) -> io::Result<End> {
        let (mut master, slave) = TTYPort::pair()?;
        master.set_timeout(Duration::ZERO)?;
        let name = slave.name().ok_or_else(|| io::Error::other("the port has no name"))?;
        symlink(name, address)?;
        Ok(End { master, _slave: slave })
    }

    pub(super) fn unplug(address: &str) {
        // Gone already, or never made: either way nothing is left.
        let _ = fs::remove_file(address);
    }

    pub(super) fn clean_up(address: &str) {
        if let Some(folder) = Path::new(address).parent() {
            let _ = fs::remove_dir(folder);
        }
    }

    impl End {
        pub(super) fn read_now(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
            if self.master.bytes_to_read()? == 0 {
                return Ok(0);
            }
            self.master.read(buffer)
        }

        pub(super) fn write_now(&mut self, bytes: &[u8]) -> io::Result<()> {
            self.master.write_all(bytes)
        }
    }
}

#[cfg(not(unix))]
mod platform {
    use std::io::{self, Read, Write};
    use std::net::{TcpListener, TcpStream};

    #[derive(Debug)]
    pub(super) struct End {
        listener: TcpListener,
        peer: Option<TcpStream>,
    }

    pub(super) fn open() -> io::Result<(String, End)> {
        let listener = TcpListener::bind("127.0.0.1:0")?;
        let address = format!("tcp://{}", listener.local_addr()?);
        listener.set_nonblocking(true)?;
        Ok((address, End { listener, peer: None }))
    }

    pub(super) fn reopen(address: &str) -> io::Result<End> {
        let listener = TcpListener::bind(address.trim_start_matches("tcp://"))?;
        listener.set_nonblocking(true)?;
        Ok(End { listener, peer: None })
    }

    pub(super) fn unplug(_address: &str) {}

    pub(super) fn clean_up(_address: &str) {}

    impl End {
        pub(super) fn read_now(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
            if let Ok((peer, _)) = self.listener.accept() {
                peer.set_nonblocking(true)?;
                peer.set_nodelay(true)?;
                self.peer = Some(peer);
            }
            match self.peer.as_mut().map_or(Ok(0), |peer| peer.read(buffer)) {
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => Ok(0),
                other => other,
            }
        }

        pub(super) fn write_now(&mut self, bytes: &[u8]) -> io::Result<()> {
            self.peer.as_mut().map_or(Ok(()), |peer| peer.write_all(bytes))
        }
    }
}
