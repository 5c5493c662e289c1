//! How a port is named in configuration and on the command line.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

/// `/dev/ttyUSB0` (or `COM3`), `usb:0403:6001`, `usb:0403:6001:SERIAL`, `tcp://host:port`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub enum PortAddress {
    Path(String),
    Usb(UsbId),
    /// A raw byte stream over TCP, such as ser2net's; `host:port`.
    Tcp(String),
}

/// Vendor and product, and the serial number where several of the same are plugged in.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct UsbId {
    pub vid: u16,
    pub pid: u16,
    pub serial: Option<String>,
}

impl UsbId {
    /// Whether `device` is what `self` asks for; without a serial number any will do.
    #[must_use]
    pub fn fits(&self, device: &Self) -> bool {
        (self.vid, self.pid) == (device.vid, device.pid)
            && (self.serial.is_none() || self.serial == device.serial)
    }
}

#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error(
    "\"{0}\" names no port: write a path such as /dev/ttyUSB0, usb:VID:PID or usb:VID:PID:SERIAL (hexadecimal, as \
     `pilothouse check` lists them), or tcp://host:port"
)]
pub struct BadAddress(String);

impl FromStr for PortAddress {
    type Err = BadAddress;

    fn from_str(text: &str) -> Result<Self, BadAddress> {
        let address = if let Some(host) = text.strip_prefix("tcp://") {
            tcp(host).map(Self::Tcp)
        } else if let Some(id) = text.strip_prefix("usb:") {
            usb(id).map(Self::Usb)
        } else {
            (!text.is_empty() && !text.contains("://")).then(|| Self::Path(text.to_owned()))
        };
        address.ok_or_else(|| BadAddress(text.to_owned()))
    }
}

fn tcp(host: &str) -> Option<String> {
    let (name, port) = host.rsplit_once(':')?;
    (!name.is_empty() && port.parse::<u16>().is_ok_and(|port| port != 0)).then(|| host.to_owned())
}

fn usb(id: &str) -> Option<UsbId> {
    let mut parts = id.splitn(3, ':');
    let mut number = || {
        let text = parts.next().filter(|text| text.len() == 4 && !text.starts_with('+'))?;
        u16::from_str_radix(text, 16).ok()
    };
    let (vid, pid) = (number()?, number()?);
    let serial = parts.next().map(str::to_owned);
    (serial.as_deref() != Some("")).then_some(UsbId { vid, pid, serial })
}

impl fmt::Display for PortAddress {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Path(path) => f.write_str(path),
            Self::Usb(UsbId { vid, pid, serial: None }) => write!(f, "usb:{vid:04x}:{pid:04x}"),
            Self::Usb(UsbId { vid, pid, serial: Some(serial) }) => {
                write!(f, "usb:{vid:04x}:{pid:04x}:{serial}")
            }
            Self::Tcp(host) => write!(f, "tcp://{host}"),
        }
    }
}

impl TryFrom<String> for PortAddress {
    type Error = BadAddress;

    fn try_from(text: String) -> Result<Self, BadAddress> {
        text.parse()
    }
}

impl From<PortAddress> for String {
    fn from(address: PortAddress) -> Self {
        address.to_string()
    }
}
