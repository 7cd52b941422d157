//! A TCP proxy in front of a server that damages or cuts what the server sends.

use std::io::{Read, Write};
use std::net::{Shutdown, TcpListener, TcpStream};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::thread;

/// What happens at an offset.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Fault {
    /// One bit is flipped.
    Flip,
    /// The connection ends.
    Cut,
}

/// Runs until the process ends.
pub(crate) struct Proxy {
    port: u16,
    faults: Arc<AtomicUsize>,
}

impl Proxy {
    /// Forwards to `port` of this machine. Each connection takes an offset from the list when it has carried
    /// 60,000 bytes from the server (the others are short), and suffers the fault there.
    pub(crate) fn start(port: u16, fault: Fault, offsets: &[usize]) -> Proxy {
        let listener = TcpListener::bind(("127.0.0.1", 0)).unwrap();
        let own = listener.local_addr().unwrap().port();
        let faults = Arc::new(AtomicUsize::new(0));
        let offsets = Arc::new(Mutex::new(offsets.to_vec()));
        let counted = Arc::clone(&faults);
        thread::spawn(move || {
            for client in listener.incoming() {
                let (offsets, faults) = (Arc::clone(&offsets), Arc::clone(&counted));
                // A server that is not there ends the client's connection, as it would without a proxy.
                if let (Ok(client), Ok(server)) = (client, TcpStream::connect(("127.0.0.1", port)))
                {
                    forward((&client, &server), fault, &offsets, &faults);
                }
            }
        });
        Proxy { port: own, faults }
    }

    pub(crate) fn port(&self) -> u16 {
        self.port
    }

    /// Faults so far.
    pub(crate) fn faults(&self) -> usize {
        self.faults.load(Ordering::Relaxed)
    }
}

fn forward(
    (client, server): (&TcpStream, &TcpStream),
    fault: Fault,
    offsets: &Arc<Mutex<Vec<usize>>>,
    faults: &Arc<AtomicUsize>,
) {
    let (mut from, mut to) = (client.try_clone().unwrap(), server.try_clone().unwrap());
    thread::spawn(move || {
        // Ends with either side.
        let _ = std::io::copy(&mut from, &mut to);
        let _ = to.shutdown(Shutdown::Both);
    });
    let (mut from, mut to) = (server.try_clone().unwrap(), client.try_clone().unwrap());
    let (offsets, faults) = (Arc::clone(offsets), Arc::clone(faults));
    thread::spawn(move || {
        let (mut carried, mut fault_at, mut buffer) = (0, None, [0; 4096]);
        while let Ok(count @ 1..) = from.read(&mut buffer) {
            if carried >= 60_000 && fault_at.is_none() {
                fault_at = Some(offsets.lock().unwrap().pop().unwrap_or(usize::MAX));
            }
            if let Some(at) = fault_at
                .and_then(|at| at.checked_sub(carried))
                .filter(|at| *at < count)
            {
                faults.fetch_add(1, Ordering::Relaxed);
                if fault == Fault::Cut {
                    let _ = to.write_all(&buffer[..at]);
                    break;
                }
                buffer[at] ^= 1 << (carried % 8);
            }
            carried += count;
            if to.write_all(&buffer[..count]).is_err() {
                break;
            }
        }
        let _ = to.shutdown(Shutdown::Both);
        let _ = from.shutdown(Shutdown::Both);
    });
}
