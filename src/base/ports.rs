//! Ports a base may hang on: what there is, what is on it, whether it may be opened, and opening
//! it.
//!
//! Reading and writing an opened port belongs to the runtime's threads. Listing opens nothing:
//! opening a port raises its control lines, and many boards restart on that.

mod access;
mod address;

use std::io::{self, Read, Write};
use std::net::{TcpStream, ToSocketAddrs};
use std::time::Duration;

use serialport::{ClearBuffer, ErrorKind, SerialPort, SerialPortType};

pub use access::Access;
pub use address::{PortAddress, UsbId};

/// A read that brought nothing ends after this long, so that the reading thread can be ended.
const READ_TIMEOUT: Duration = Duration::from_millis(50);
/// A write that the port does not take ends after this long.
const WRITE_TIMEOUT: Duration = Duration::from_millis(20);
const CONNECT_TIMEOUT: Duration = Duration::from_secs(1);

/// A port the system has.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PortInfo {
    pub path: String,
    /// `None` where no USB device is behind it.
    pub usb: Option<UsbPort>,
    pub access: Access,
}

/// The USB device behind a port.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct UsbPort {
    pub id: UsbId,
    pub manufacturer: Option<String>,
    pub product: Option<String>,
}

/// An opened port, both directions apart.
pub struct OpenPort {
    /// What was opened: the path, or `host:port`.
    pub path: String,
    pub reader: Box<dyn Read + Send>,
    pub writer: Box<dyn PortWriter>,
}

impl std::fmt::Debug for OpenPort {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("OpenPort").field("path", &self.path).finish_non_exhaustive()
    }
}

/// Writes fail with `TimedOut` or `WouldBlock` when the port takes nothing.
pub trait PortWriter: Write + Send {
    /// Bytes the system took but the port has not sent; 0 where it does not say. The system would
    /// take seconds of commands for a device that reads none, and deliver them all when it does.
    fn queued(&self) -> usize;
}

#[derive(Debug, thiserror::Error)]
pub enum PortError {
    #[error("cannot list the serial ports: {0}")]
    List(#[source] serialport::Error),
    #[error("no port {address}: {there}; plug it in, or choose one of these")]
    Absent { address: PortAddress, there: String },
    #[error("{address} matches several ports ({paths}): name its path or add the serial number")]
    Ambiguous { address: PortAddress, paths: String },
    #[error("may not open {path}: {remedy}")]
    Denied { path: String, remedy: String },
    #[error(
        "{path} is in use by another program: close that (`fuser {path}` names it; ModemManager lets go after some \
         seconds)"
    )]
    InUse { path: String },
    #[error(
        "{path} cannot do {wanted} baud, it is at {actual}: set `baud` to what base and port both can"
    )]
    Baud { path: String, wanted: u32, actual: u32 },
    #[error("cannot open {path}: {source}; unplug and replug it")]
    Open { path: String, source: serialport::Error },
    #[error("cannot connect to {host}: {source}; is the serial server running there?")]
    Connect { host: String, source: io::Error },
}

/// Every port of the system, by path.
pub fn list() -> Result<Vec<PortInfo>, PortError> {
    let mut ports: Vec<_> = serialport::available_ports()
        .map_err(PortError::List)?
        .into_iter()
        // macOS names each port twice; opening the tty one waits for a carrier that never comes.
        .filter(|port| !(cfg!(target_os = "macos") && port.port_name.starts_with("/dev/tty.")))
        .map(|port| PortInfo {
            access: Access::of(&port.port_name),
            usb: match port.port_type {
                SerialPortType::UsbPort(usb) => Some(UsbPort {
                    id: UsbId { vid: usb.vid, pid: usb.pid, serial: usb.serial_number },
                    manufacturer: usb.manufacturer,
                    product: usb.product,
                }),
                _ => None,
            },
            path: port.port_name,
        })
        .collect();
    ports.sort_by(|a, b| a.path.cmp(&b.path));
    Ok(ports)
}

/// Opens what `address` names now; a USB id may be under another path than last time.
pub fn open(address: &PortAddress, baud: u32) -> Result<OpenPort, PortError> {
    match address {
        PortAddress::Path(path) => open_serial(path, baud),
        PortAddress::Usb(id) => open_serial(&find(address, id, &list()?)?, baud),
        PortAddress::Tcp(host) => {
            connect(host).map_err(|source| PortError::Connect { host: host.clone(), source })
        }
    }
}

/// The one path among `ports` that `id` fits.
fn find(address: &PortAddress, id: &UsbId, ports: &[PortInfo]) -> Result<String, PortError> {
    let fits = |port: &&PortInfo| port.usb.as_ref().is_some_and(|usb| id.fits(&usb.id));
    let paths: Vec<_> = ports.iter().filter(fits).map(|port| port.path.as_str()).collect();
    match paths.as_slice() {
        [path] => Ok((*path).to_owned()),
        [] => Err(PortError::Absent { address: address.clone(), there: there(ports) }),
        _ => Err(PortError::Ambiguous { address: address.clone(), paths: paths.join(", ") }),
    }
}

fn there(ports: &[PortInfo]) -> String {
    if ports.is_empty() {
        return "the system has no serial port".to_owned();
    }
    let names: Vec<_> = ports
        .iter()
        .map(|port| match &port.usb {
            Some(usb) => format!("{} ({})", port.path, PortAddress::Usb(usb.id.clone())),
            None => port.path.clone(),
        })
        .collect();
    format!("there are {}", names.join(", "))
}

fn open_serial(path: &str, baud: u32) -> Result<OpenPort, PortError> {
    let failed = |source| PortError::Open { path: path.to_owned(), source };
    // Setting the rate of a pty fails on macOS; serialport leaves it alone at zero.
    let is_rateless = cfg!(target_os = "macos") && path.starts_with("/dev/ttys");
    let mut port = serialport::new(path, if is_rateless { 0 } else { baud })
        .timeout(READ_TIMEOUT)
        .open()
        .map_err(|error| explain(path, error))?;
    if !is_rateless {
        let actual = port.baud_rate().map_err(failed)?;
        if actual.abs_diff(baud) > baud / 50 {
            return Err(PortError::Baud { path: path.to_owned(), wanted: baud, actual });
        }
    }
    // USB CDC firmware sends only to a host that raised DTR; a pty has no such line.
    let _ = port.write_data_terminal_ready(true);
    let _ = port.write_request_to_send(true);
    // What waits there was said to nobody, or to the program before us.
    let _ = port.clear(ClearBuffer::All);
    let mut writer = port.try_clone().map_err(failed)?;
    writer.set_timeout(WRITE_TIMEOUT).map_err(failed)?;
    Ok(OpenPort { path: path.to_owned(), reader: Box::new(port), writer: Box::new(Serial(writer)) })
}

fn explain(path: &str, source: serialport::Error) -> PortError {
    let path = path.to_owned();
    match source.kind() {
        ErrorKind::Io(io::ErrorKind::NotFound) => PortError::Absent {
            there: list().map_or_else(|error| error.to_string(), |ports| there(&ports)),
            address: PortAddress::Path(path),
        },
        ErrorKind::Io(io::ErrorKind::PermissionDenied) => {
            let remedy = access::remedy(&path);
            PortError::Denied { path, remedy }
        }
        // On Unix serialport says `NoDevice` for EBUSY and for a lock that another program holds.
        ErrorKind::NoDevice if cfg!(unix) => PortError::InUse { path },
        _ => PortError::Open { path, source },
    }
}

struct Serial(Box<dyn SerialPort>);

impl Write for Serial {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0.write(bytes)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.0.flush()
    }
}

impl PortWriter for Serial {
    fn queued(&self) -> usize {
        self.0.bytes_to_write().map_or(0, |count| count as usize)
    }
}

fn connect(host: &str) -> io::Result<OpenPort> {
    let mut last = io::Error::new(io::ErrorKind::NotFound, "the name has no address");
    for address in host.to_socket_addrs()? {
        match TcpStream::connect_timeout(&address, CONNECT_TIMEOUT) {
            Ok(stream) => {
                stream.set_nodelay(true)?;
                stream.set_read_timeout(Some(READ_TIMEOUT))?;
                stream.set_write_timeout(Some(WRITE_TIMEOUT))?;
                let reader = Box::new(stream.try_clone()?);
                return Ok(OpenPort {
                    path: host.to_owned(),
                    reader,
                    writer: Box::new(Tcp(stream)),
                });
            }
            Err(error) => last = error,
        }
    }
    Err(last)
}

struct Tcp(TcpStream);

impl Write for Tcp {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0.write(bytes)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.0.flush()
    }
}

impl PortWriter for Tcp {
    fn queued(&self) -> usize {
        0
    }
}

#[cfg(test)]
mod tests;
