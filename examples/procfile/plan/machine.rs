//! What a program needs of the machine before it is started.

use std::collections::BTreeSet;
use std::io::ErrorKind;
use std::net::{Ipv4Addr, TcpListener};

use perennial::process::StartError;

use super::fault::{Fault, What};
use super::{Program, Ready};

pub(super) fn faults(program: &Program, ours: &BTreeSet<u16>) -> Vec<Fault> {
    let name = || program.name.value.clone();
    let mut faults = Vec::new();
    let run = &program.command;
    let needed = run.value.programs();
    let found = needed.map(|needed| program.surround(needed).look_up());
    faults.extend(found.filter_map(Result::err).take(1).map(|source| {
        let line = match (&source, &program.cwd) {
            (StartError::DirectoryMissing { .. }, Some(cwd)) => cwd.line,
            _ => run.line,
        };
        let name = name();
        What::NoStart { name, source }.at(line)
    }));
    if let Ready::Port(port) = &program.ready
        && !ours.contains(&port.value)
    {
        let bound = TcpListener::bind((Ipv4Addr::LOCALHOST, port.value));
        let is_taken = bound.is_err_and(|error| error.kind() == ErrorKind::AddrInUse);
        faults.extend(is_taken.then(|| {
            let (name, line) = (name(), port.line);
            let port = port.value;
            What::PortTaken { name, port }.at(line)
        }));
    }
    faults
}
