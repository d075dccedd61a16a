//! A proxy between the command line and the server, which loses answers when it is told to.

use std::{
    io::{Read, Write},
    net::{TcpListener, TcpStream},
    sync::{
        Arc, Mutex,
        mpsc::{self, Receiver, Sender},
    },
    thread,
};

/// What becomes of the answer to a request that stores events.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Answers {
    /// Goes to the client.
    Given,
    /// The connection is closed after the server has answered; the next answer is given.
    NextLost,
    /// So many are given; the next is kept back until the client goes away, and so are those after it.
    HeldAfter(u32),
}

/// A running proxy; it ends with the test.
pub(crate) struct Proxy {
    pub(crate) url: String,
    answers: Arc<Mutex<Answers>>,
    withheld: Receiver<()>,
}

impl Proxy {
    /// A proxy before the server at `url`.
    pub(crate) fn before(url: &str) -> Self {
        let upstream = url.strip_prefix("http://").unwrap().to_owned();
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let url = format!("http://{}", listener.local_addr().unwrap());
        let answers = Arc::new(Mutex::new(Answers::Given));
        let (sender, withheld) = mpsc::channel();
        let shared = answers.clone();
        thread::spawn(move || {
            for client in listener.incoming().map_while(Result::ok) {
                let (upstream, answers, withheld) = (upstream.clone(), shared.clone(), sender.clone());
                thread::spawn(move || serve(client, &upstream, &answers, &withheld));
            }
        });
        Self { url, answers, withheld }
    }

    pub(crate) fn answer(&self, answers: Answers) {
        *self.answers.lock().unwrap() = answers;
    }

    /// Waits until the server has stored events and the answer was kept from the client.
    pub(crate) fn wait_until_withheld(&self) {
        self.withheld.recv_timeout(super::LONG).unwrap();
    }
}

/// One request a connection, which is all that the tests need.
fn serve(mut client: TcpStream, upstream: &str, answers: &Mutex<Answers>, withheld: &Sender<()>) {
    let Some(request) = read_request(&mut client) else { return };
    let stores = request.starts_with(b"POST /v1/events");
    let mut server = TcpStream::connect(upstream).unwrap();
    server.write_all(&request).unwrap();
    let mut answer = Vec::new();
    server.read_to_end(&mut answer).unwrap();
    let is_given = !stores || next_is_given(&mut answers.lock().unwrap());
    if is_given {
        // A client that was killed takes no answer.
        let _ = client.write_all(&answer);
        return;
    }
    // Nobody listens any more at the end of a test.
    let _ = withheld.send(());
    if matches!(*answers.lock().unwrap(), Answers::HeldAfter(_)) {
        // Ends when the client is gone.
        let _ = client.read(&mut [0]);
    }
}

/// Whether the next answer is given; moves on.
fn next_is_given(answers: &mut Answers) -> bool {
    match answers {
        Answers::Given => true,
        Answers::NextLost => {
            *answers = Answers::Given;
            false
        }
        Answers::HeldAfter(0) => false,
        Answers::HeldAfter(left) => {
            *left -= 1;
            true
        }
    }
}

/// The request's bytes, asking the server to close the connection after its answer.
fn read_request(client: &mut TcpStream) -> Option<Vec<u8>> {
    let mut bytes = Vec::new();
    let mut buffer = [0; 1 << 16];
    let head = loop {
        let count = client.read(&mut buffer).ok().filter(|count| *count > 0)?;
        bytes.extend_from_slice(&buffer[..count]);
        if let Some(end) = bytes.windows(4).position(|window| window == b"\r\n\r\n") {
            break end;
        }
    };
    let text = String::from_utf8(bytes[..head].to_vec()).unwrap();
    let length = text.lines().find_map(|line| {
        let (name, value) = line.split_once(':')?;
        name.eq_ignore_ascii_case("content-length").then(|| value.trim().parse::<usize>().unwrap())
    });
    let whole = head + 4 + length.unwrap_or(0);
    while bytes.len() < whole {
        let count = client.read(&mut buffer).ok().filter(|count| *count > 0)?;
        bytes.extend_from_slice(&buffer[..count]);
    }
    let lines = text.lines().filter(|line| !line.to_ascii_lowercase().starts_with("connection:"));
    let mut request = lines.collect::<Vec<_>>().join("\r\n").into_bytes();
    request.extend_from_slice(b"\r\nConnection: close\r\n\r\n");
    request.extend_from_slice(&bytes[head + 4..]);
    Some(request)
}
