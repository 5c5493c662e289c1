use super::*;

fn port(path: &str, vid: u16, serial: &str) -> PortInfo {
    let id = UsbId { vid, pid: 0x6001, serial: Some(serial.to_owned()) };
    let usb = Some(UsbPort { id, manufacturer: None, product: None });
    PortInfo { path: path.to_owned(), usb, access: Access::Allowed }
}

#[test]
fn addresses_parse_and_print() {
    // Broken: a name in the configuration opens another port, or a typing error is taken for a
    // path.
    for text in [
        "/dev/ttyUSB0",
        "COM3",
        "usb:0403:6001",
        "usb:0403:6001:A5:0 1",
        "tcp://robot.local:2000",
        "tcp://[::1]:2000",
    ] {
        assert_eq!(text.parse::<PortAddress>().unwrap().to_string(), text);
    }
    for text in [
        "",
        "usb:",
        "usb:403:6001",
        "usb:+403:6001",
        "usb:0403",
        "usb:0403:6001:",
        "tcp://",
        "tcp://robot",
        "tcp://:1",
        "tcp://robot:0",
        "tcp://robot:70000",
        "udp://robot:1",
    ] {
        let error = text.parse::<PortAddress>().unwrap_err().to_string();
        assert!(error.contains("usb:VID:PID"), "{error}");
    }
}

#[test]
fn a_usb_id_finds_its_port_wherever_it_is() {
    // Broken: after a replug under another path the station would not find its base, or drive
    // another one.
    let ports = [port("/dev/ttyUSB0", 0x1111, "a"), port("/dev/ttyUSB1", 0x0403, "b")];
    let find = |text: &str, ports: &[PortInfo]| match text.parse().unwrap() {
        PortAddress::Usb(id) => find(&PortAddress::Usb(id.clone()), &id, ports),
        address => panic!("{address} is no USB id"),
    };
    assert_eq!(find("usb:0403:6001", &ports).unwrap(), "/dev/ttyUSB1");
    assert_eq!(find("usb:0403:6001:b", &ports).unwrap(), "/dev/ttyUSB1");

    let absent = find("usb:0403:6001:c", &ports).unwrap_err().to_string();
    assert!(absent.contains("/dev/ttyUSB1 (usb:0403:6001:b)"), "{absent}");
    let none = find("usb:0403:6001", &[]).unwrap_err().to_string();
    assert!(none.contains("no serial port"), "{none}");

    let twins = [port("/dev/ttyUSB0", 0x0403, "a"), port("/dev/ttyUSB1", 0x0403, "b")];
    let ambiguous = find("usb:0403:6001", &twins).unwrap_err();
    assert!(matches!(ambiguous, PortError::Ambiguous { .. }), "{ambiguous}");
}

#[test]
fn a_port_that_is_not_there_says_what_is() {
    // Broken: a wrong path gives the operator an errno instead of a way on.
    let error = open(&PortAddress::Path("/dev/no-such-port".to_owned()), 115_200).unwrap_err();
    let text = error.to_string();
    assert!(text.contains("/dev/no-such-port") && text.contains("plug it in"), "{text}");
}

#[cfg(unix)]
#[test]
fn groups_are_read_by_number() {
    // Broken: the remedy names a group that does not own the port.
    let groups = "root:x:0:\ndialout:x:20:ann,bob\nuucp:x:987:\nbroken line\n";
    assert_eq!(access::group_name(groups, 20), Some("dialout"));
    assert_eq!(access::group_name(groups, 987), Some("uucp"));
    assert_eq!(access::group_name(groups, 1), None);
}
